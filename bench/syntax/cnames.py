"""Names that C programs may not take: keywords, library names, common macros; and what a macro looks like.

Keywords: C11 6.4.1, C23 6.4.1, GCC's extensions, and C++ (headers are shared). Library names: C11 7 and POSIX, those a
program is likely to meet. A missing comma in such a list joined two names in five released attacks (STYLE, last
section), so the lists are words in one string.
"""

from __future__ import annotations

import re

WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
"""A name, whatever it names."""


def words(text: str) -> frozenset[str]:
    """Return the blank-separated words of a text."""
    return frozenset(text.split())


KEYWORDS = words(
    """auto break case char const continue default do double else enum extern float for goto if inline int long
    register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    _Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local
    alignas alignof bool constexpr false nullptr static_assert thread_local true typeof typeof_unqual
    asm __asm __asm__ __attribute__ __attribute __inline __inline__ __const __restrict __restrict__ __volatile__
    __typeof__ __typeof __extension__ __label__ __thread __func__ __FUNCTION__ __PRETTY_FUNCTION__ __alignof__
    and and_eq bitand bitor catch class compl concept const_cast decltype delete dynamic_cast explicit export friend
    mutable namespace new noexcept not not_eq operator or or_eq private protected public reinterpret_cast requires
    static_cast template this throw try typeid typename using virtual wchar_t xor xor_eq"""
)

LIBRARY = words(
    """abort abs accept access acos alarm alloca arg asctime asin assert atan atan2 atexit atof atoi atol atoll basename
    bcmp bcopy bind bsearch bzero cabs calloc ceil chdir chmod chown clearerr clock clone close closedir connect
    cos cosh creal ctime daemon delay difftime dirname div dprintf dup dup2 endpwent environ erf err errno error
    errx exec execl execlp execv execve execvp exit exp fabs fchmod fclose fcntl fdopen feof ferror fflush ffs
    fgetc fgets fileno floor flock fmax fmin fmod fopen fork fprintf fputc fputs fread free freopen frexp fscanf
    fseek fseeko fstat fsync ftell ftello ftruncate ftw fwrite gamma getc getchar getcwd getenv getgid getline
    getopt getpid getppid getpwnam gets gettimeofday getuid glob gmtime htonl htons hypot imaxabs index inet_addr
    inet_ntoa inet_ntop inet_pton ioctl isalnum isalpha isascii isatty isblank iscntrl isdigit isgraph isinf
    islower isnan isprint ispunct isspace isupper isxdigit j0 j1 jn kill labs lchown ldexp ldiv link listen llabs
    localeconv localtime log log10 log2 logb longjmp lrint lround lseek lstat main malloc mblen mbstowcs memccpy
    memchr memcmp memcpy memmem memmove memset mkdir mkfifo mkstemp mktime mlock mmap modf mount mprotect munmap
    nan nanosleep nearbyint nice ntohl ntohs offsetof open opendir openlog optarg opterr optind optopt pathconf
    pause pclose perror pipe poll popen pow pread printf psignal putc putchar putenv puts pwrite qsort raise rand
    random read readdir readlink readv realloc realpath recv recvfrom recvmsg regcomp regex remainder remove rename
    rewind rewinddir rindex rint rmdir round sbrk scanf select send sendmsg sendto setbuf setenv setjmp setlocale
    setsid setsockopt setuid setvbuf shutdown sigaction signal signbit sin sinh sleep snprintf socket socketpair
    sprintf sqrt srand srandom sscanf stat stderr stdin stdout stdlib stdio stpcpy strcasecmp strcat strchr strcmp
    strcoll strcpy strcspn strdup strerror strftime string strlen strncasecmp strncat strncmp strncpy strndup
    strnlen strpbrk strrchr strsep strspn strstr strtod strtof strtok strtok_r strtol strtold strtoll strtoul
    strtoull strxfrm symlink sync sysconf syslog system tan tanh tgamma time timegm times timezone tmpfile tmpnam
    toascii tolower toupper trunc truncate ttyname tzset umask umount uname ungetc unlink usleep utime va_arg
    va_copy va_end va_list va_start valloc vasprintf vfork vfprintf vprintf vsnprintf vsprintf wait waitpid warn
    warnx wcslen wcstombs write writev y0 y1 yn int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t
    intptr_t uintptr_t intmax_t uintmax_t ptrdiff_t size_t ssize_t off_t time_t pid_t uid_t gid_t mode_t clock_t
    div_t ldiv_t fpos_t jmp_buf sig_atomic_t max_align_t char16_t char32_t wint_t socklen_t in_addr in_addr_t
    sockaddr sockaddr_in u8 u16 u32 u64 s8 s16 s32 s64 uint ulong ushort uchar byte gboolean gint guint gchar
    gpointer"""
)

MACROS = words(
    """I NULL EOF BUFSIZ RAND_MAX linux unix i386 complex imaginary noreturn fallthrough likely unlikely min max swap
    container_of list_entry assert offsetof typeof stringify concat foreach forever repeat until sigmask st_atime
    st_mtime st_ctime si_value sa_handler sa_sigaction s_addr d_fileno lock unlock barrier"""
)
"""Object-like and function-like macros that real headers define with lower-case names, and a few usual ones."""

MEMBER_MACROS = words(
    """container_of list_entry list_for_each_entry list_for_each_entry_safe list_first_entry hlist_entry rb_entry
    offsetof typeof __typeof__ stringify __stringify xstr glue tostring hlist_for_each_entry
    list_next_entry container_of_const field_sizeof sizeof_field"""
)
"""Lower-case macros that paste, stringify, or take a type or a member."""

HARMLESS_MACROS = words(
    """FFMAX FFMIN FFABS FFSIGN FFMAX3 FFMIN3 FFSWAP FFALIGN MAX MIN ABS ARRAY_SIZE FF_ARRAY_ELEMS ROUND_UP
    DIV_ROUND_UP AV_RB16 AV_RB24 AV_RB32 AV_RB64 AV_RL16 AV_RL24 AV_RL32 AV_RL64 AV_RN16 AV_RN32 AV_RN64 AV_WB16 AV_WB24
    AV_WB32 AV_WB64 AV_WL16 AV_WL24 AV_WL32 AV_WL64 AV_WN16 AV_WN32 AV_WN64 MKTAG MKBETAG AVERROR AV_RN32A AV_WN32A
    INT64_C UINT64_C INT32_C UINT32_C WEXITSTATUS WIFEXITED WIFSIGNALED WTERMSIG FD_SET FD_CLR FD_ISSET FD_ZERO S_ISREG
    S_ISDIR S_ISLNK"""
)
"""Known upper-case macros that use their arguments as plain expressions."""

SAFE_CONSTANTS = words(
    """NULL EOF TRUE FALSE INT_MAX INT_MIN UINT_MAX LONG_MAX LONG_MIN ULONG_MAX LLONG_MAX LLONG_MIN ULLONG_MAX CHAR_BIT
    CHAR_MAX CHAR_MIN UCHAR_MAX SCHAR_MAX SCHAR_MIN SHRT_MAX SHRT_MIN USHRT_MAX SIZE_MAX INT8_MAX INT8_MIN UINT8_MAX
    INT16_MAX INT16_MIN UINT16_MAX INT32_MAX INT32_MIN UINT32_MAX INT64_MAX INT64_MIN UINT64_MAX PTRDIFF_MAX SSIZE_MAX
    RAND_MAX BUFSIZ PATH_MAX ENOMEM EINVAL ENOENT EIO EAGAIN EINTR EPERM EACCES EBADF EBUSY EEXIST ENOSYS ENOTSUP
    ENOSPC EPIPE ERANGE EFAULT ENODEV EDOM O_RDONLY O_WRONLY O_RDWR O_CREAT SEEK_SET SEEK_CUR SEEK_END"""
)
"""Macros that are known to stand for one parenthesised or atomic constant."""

_MEMBER_MACRO = re.compile(
    r"\w*offset_?of\w*|\w*container_of\w*|[hl]*list_\w*(?:entry|for_each)\w*|rb_entry\w*|list_safe_reset_next", re.ASCII
)
"""Their relatives in the kernel, in QEMU and among compilers' built-ins: `__builtin_offsetof`, `llist_entry`."""
_MACRO = re.compile(r"_*[A-Z][A-Z0-9_]*", re.ASCII)
_LEGAL = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def looks_like_macro(name: str) -> bool:
    """Whether a name that is declared nowhere in sight is written as macros are."""
    return _MACRO.fullmatch(name) is not None


def takes_members(name: str) -> bool:
    """Whether a name is that of a macro that may paste, stringify, or take a type or a member."""
    return name in MEMBER_MACROS or _MEMBER_MACRO.fullmatch(name) is not None


def is_legal_local(name: str) -> bool:
    """Whether a local may be called so in any program: an identifier, not reserved, and not written like a macro."""
    if _LEGAL.fullmatch(name) is None or name.startswith("__") or name == "_":
        return False
    return not (looks_like_macro(name) or name in KEYWORDS or name in LIBRARY or name in MACROS)
