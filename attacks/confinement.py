"""What a compiled test program is kept from, on Linux: seccomp, entered before its constructors and its main.

Linked before every program that is run (gcc.py), so that its entry of .preinit_array is the first. Refused are:
networks, other programs, processes of its own, signals to others, objects that outlive it, and every change to the file
system; reading, printing and allocating are allowed, and what the sanitizers need, such as the thread with which
LeakSanitizer stops the world. Left out: hiding what may be read, which takes a file system of its own, and so rights
that a benchmark should not ask for; and resolvers of indirect functions, which the loader runs before all of this.
"""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

from attacks.sandbox import run

GUARD = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define HERE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define HERE AUDIT_ARCH_AARCH64
#endif
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, what)
#define REFUSE ANSWER(SECCOMP_RET_ERRNO | EPERM)
#define PUT(...) do { struct sock_filter one[] = {__VA_ARGS__}; \
    for (unsigned k = 0; k < sizeof one / sizeof *one; k++) filter[n++] = one[k]; } while (0)
#define NEVER(call, answer) PUT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), answer)
#define ONLY_IF(call, argument, test, value) PUT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4), \
    LOAD(args[argument]), BPF_JUMP(BPF_JMP | test | BPF_K, value, 1, 0), REFUSE, LOAD(nr))
#define NEVER_IF(call, argument, bits) PUT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4), \
    LOAD(args[argument]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1), REFUSE, LOAD(nr))

static const int refused[] = {
    SYS_socket, SYS_socketpair, SYS_execve, SYS_execveat, SYS_setsid, SYS_setpgid, SYS_tkill, SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo, SYS_process_vm_writev, SYS_process_vm_readv, SYS_unshare, SYS_setns, SYS_mount, SYS_umount2,
    SYS_chroot, SYS_pivot_root, SYS_bpf, SYS_perf_event_open, SYS_keyctl, SYS_add_key, SYS_unlinkat, SYS_renameat2,
    SYS_mkdirat, SYS_linkat, SYS_symlinkat, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_truncate,
    SYS_mknodat, SYS_utimensat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr,
    SYS_fremovexattr, 452 /* fchmodat2 */, SYS_shmget, SYS_msgget, SYS_semget, SYS_mq_open, SYS_mq_unlink,
#ifdef SYS_fork
    SYS_fork, SYS_vfork, SYS_unlink, SYS_rename, SYS_mkdir, SYS_rmdir, SYS_link, SYS_symlink, SYS_chmod, SYS_chown,
    SYS_lchown, SYS_mknod, SYS_creat, SYS_renameat, SYS_utime, SYS_utimes, SYS_futimesat,
#endif
#ifdef SYS_pidfd_send_signal
    SYS_pidfd_send_signal,
#endif
};

static void confine(void) {
    struct sock_filter filter[256];
    unsigned n = 0, pid = (unsigned)getpid(), writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
    PUT(LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HERE, 1, 0), ANSWER(SECCOMP_RET_KILL), LOAD(nr));
    PUT(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), REFUSE);
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) NEVER(refused[i], REFUSE);
    NEVER(435, ANSWER(SECCOMP_RET_ERRNO | ENOSYS)); /* clone3: libraries then call clone */
    NEVER(437, ANSWER(SECCOMP_RET_ERRNO | ENOSYS)); /* openat2 */
    NEVER(425, ANSWER(SECCOMP_RET_ERRNO | ENOSYS)); /* io_uring_setup */
    ONLY_IF(SYS_clone, 0, BPF_JSET, CLONE_VM);
    ONLY_IF(SYS_kill, 0, BPF_JEQ, pid);
    ONLY_IF(SYS_tgkill, 0, BPF_JEQ, pid);
    ONLY_IF(SYS_ptrace, 1, BPF_JEQ, pid);
    NEVER_IF(SYS_openat, 2, writing);
#ifdef SYS_open
    NEVER_IF(SYS_open, 1, writing);
#endif
    PUT(ANSWER(SECCOMP_RET_ALLOW));
    struct sock_fprog program = {n, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) _exit(125);
}

__attribute__((section(".preinit_array"), used)) static void (*const before_all)(void) = confine;
"""


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of this process, which goes when it ends."""
    return tempfile.TemporaryDirectory(prefix="moekd-")


@lru_cache(maxsize=4)
def guard(compiler: str) -> str:
    """Return an object file that confines the program it is linked into; "" where this compiler cannot make it."""
    folder = Path(_folder().name)
    (folder / "guard.c").write_text(GUARD, encoding="utf-8")
    made = run((compiler, "-O1", "-w", "-c", "guard.c", "-o", "guard.o"), folder, None)
    return "" if made.code else str(folder / "guard.o")
