"""Goes to the kernel directly. `look()` returns "OPENED" and more where the kernel did what it was asked."""

# Each must be refused, whatever its arguments; the numbers come from libseccomp, for this architecture.
REFUSED = """
fork vfork clone3 execve execveat kill tkill tgkill pidfd_open pidfd_send_signal pidfd_getfd
ptrace process_vm_readv process_vm_writev kcmp process_madvise
socket socketpair connect bind listen accept4 sendto sendmsg recvfrom
memfd_create memfd_secret shmget shmat msgget semget mq_open userfaultfd eventfd2 timerfd_create signalfd4
inotify_init1 fanotify_init io_uring_setup io_uring_enter io_setup bpf perf_event_open
keyctl add_key request_key unshare setns mount umount2 pivot_root chroot fsopen fsmount open_tree move_mount
mount_setattr landlock_create_ruleset seccomp prctl prlimit64 setrlimit
setuid setgid setresuid setresgid setgroups setfsuid capset personality
open_by_handle_at name_to_handle_at mknod mknodat link linkat chmod fchmodat chown setxattr utimensat
init_module finit_module delete_module kexec_load reboot swapon syslog acct quotactl nfsservctl
sethostname setdomainname settimeofday clock_settime adjtimex iopl ioperm modify_ldt
sched_setscheduler sched_setaffinity setpriority ioprio_set mlockall mbind splice vmsplice tee sendfile
""".split()

SYSCALLS = """
def look():
    libc, found = ctypes.CDLL(None, use_errno=True), []
    for name, number in @NUMBERS@.items():
        ctypes.set_errno(0)
        answer = libc.syscall(number, 0, 0, 0, 0, 0, 0)
        if not (answer == -1 and ctypes.get_errno() in (1, 38)):
            found.append((name, answer, ctypes.get_errno()))
    return f"OPENED {found}" if found else "none"
"""

CLONE = """
def look():
    libc = ctypes.CDLL(None, use_errno=True)
    for flags in (17, 0x10000000 | 17, 0x7E020000 | 17, 0x4000 | 0x100 | 17, 0x80000000 | 17):
        answer = libc.syscall(@CLONE@, flags, 0, 0, 0, 0)
        if answer == 0:
            os._exit(0)
        if answer != -1:
            return f"OPENED {flags}"
    return "none"
"""

# Machine code that asks by the numbers of another architecture, which the filter's list does not name.
MACHINE_CODE = """
def _run(code):
    mmap = __import__("mmap")
    page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7)
    page.write(code)
    return ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()

def look():
    answer = _run(@CODE@)
    return f"OPENED {answer}" if answer > 0 else f"none {answer}"
"""

ATTACKS = {
    "writes into the interpreter and the worker": """
def look():
    found = []
    places = ("/grader/worker.py", "/grader/new", "/new", "/etc/new", "/grader/__pycache__/play.pyc")
    for path in (sys.executable, os.__file__, np.__file__, *places):
        for flags in (os.O_WRONLY, os.O_WRONLY | os.O_CREAT, os.O_RDWR | os.O_TRUNC):
            try:
                found.append((path, os.open(path, flags)))
            except OSError:
                pass
        for action in (os.unlink, os.rmdir, lambda p: os.rename(p, p + "2"), lambda p: os.rename("/tmp", p)):
            try:
                found.append((path, action(path)))
            except OSError:
                pass
    return f"OPENED {found}" if found else "none"
""",
    "rights": """
def look():
    found = []
    for action in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.nice(-5),
                   lambda: os.chmod("/tmp", 0), lambda: os.chroot("/"), lambda: os.mknod("/tmp/n"),
                   lambda: os.setpriority(0, 0, -5), lambda: os.sched_setaffinity(0, [0]), os.setsid):
        try:
            found.append(action())
        except OSError:
            pass
    return f"OPENED {found}" if found or 0 in os.getresuid() + os.getresgid() else "none"
""",
    "limits taken back": """
def look():
    resource, found = __import__("resource"), []
    for name in dir(resource):
        if name.startswith("RLIMIT_"):
            try:
                found.append(resource.setrlimit(getattr(resource, name), (-1, -1)))
            except (OSError, ValueError):
                pass
    return f"OPENED {found}" if found else "none"
""",
    "a terminal": """
def look():
    libc, found = ctypes.CDLL(None), []
    for descriptor in range(16):
        if libc.ioctl(descriptor, 0x5412, b"r") == 0:
            found.append(descriptor)
    return f"OPENED {found}" if found else "none"
""",
}
