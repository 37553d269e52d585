"""The system calls that a student's code may make: a list of what is allowed, all else is refused.

No process, no program, no socket, no shared memory, no file outside what is mounted, no tracing. Threads
may be made. libseccomp (through pyseccomp) compiles the list for the machine's architecture; it was chosen
because a filter written by hand is wrong on the next architecture.
"""

import errno
import functools
import os
import tempfile

# What CPython and NumPy need to compute, to read the interpreter's files and to use /tmp.
ALLOWED = """
    read write readv writev pread64 pwrite64 close lseek fstat stat lstat newfstatat statx fstatfs statfs
    open openat access faccessat faccessat2 readlink readlinkat getcwd getdents64 fcntl dup dup2 dup3
    mkdir mkdirat unlink unlinkat rmdir rename renameat renameat2 ftruncate truncate fsync umask chdir
    mmap mprotect munmap mremap madvise brk
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack
    futex set_robust_list rseq set_tid_address membarrier sched_yield sched_getaffinity
    select pselect6 poll ppoll pause nanosleep clock_nanosleep restart_syscall
    clock_gettime clock_getres gettimeofday time times getrandom
    getpid gettid getppid getuid geteuid getgid getegid getresuid getresgid getgroups getpgrp
    getrlimit getrusage sysinfo uname exit exit_group
""".split()
CLONE_THREAD = 0x00010000


@functools.cache
def program() -> bytes:
    """The compiled filter (BPF). ImportError or RuntimeError where libseccomp is not to be had."""
    import pyseccomp

    rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    for name in ALLOWED:
        number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
        if number >= 0:  # not every architecture has the old calls
            rules.add_rule(pyseccomp.ALLOW, name)
    # A thread, not a process. glibc tries clone3 first, whose flags a filter cannot see.
    thread = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, CLONE_THREAD, CLONE_THREAD)
    rules.add_rule(pyseccomp.ALLOW, "clone", thread)
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    # Python asks each file that it opens whether it is a terminal.
    rules.add_rule(pyseccomp.ERRNO(errno.ENOTTY), "ioctl")
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        return os.read(file.fileno(), 1 << 20)
