"""What MoEKD is compared with: Compressor, AVATAR and the controls that the field forgets."""
