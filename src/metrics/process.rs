//! `process_*`, as the client libraries name them, read without allocation: files stay open from the start, and
//! everything else is a system call with a buffer of ours. What the system does not tell is [`UNKNOWN`], never an
//! error.

use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::unix::fs::FileExt;

use rustix::fs::{RawDir, SeekFrom, seek};
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::decimal::UNKNOWN;

/// Reads the process' figures again and again.
#[derive(Debug)]
pub struct ProcessReader {
    statm: Option<File>,
    descriptors: Option<File>,
    page_bytes: u64,
    start_ns: u64,
    entries: Box<[MaybeUninit<u8>; ENTRY_BYTES]>,
}

/// The CPU time of one thread, as any thread of the process may read it: a file stays open, and reading it is one
/// system call.
#[derive(Debug)]
pub struct ThreadClock(Option<File>);

/// The process' figures at one moment. Each may be [`UNKNOWN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessFigures {
    /// User and system CPU time, in ns.
    pub cpu_ns: u64,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// Virtual memory, in bytes.
    pub virtual_bytes: u64,
    /// Open file descriptors.
    pub open_descriptors: u64,
    /// The soft limit of open file descriptors.
    pub max_descriptors: u64,
    /// The process' start, in ns since the Unix epoch, to a clock tick (usually 10 ms).
    pub start_ns: u64,
}

impl ProcessReader {
    /// Opens what is read at each scrape. Reads the start time, which does not change.
    pub fn open() -> Self {
        Self {
            statm: File::open("/proc/self/statm").ok(),
            descriptors: File::open("/proc/self/fd").ok(),
            page_bytes: page_size() as u64,
            start_ns: start_ns().unwrap_or(UNKNOWN),
            entries: Box::new([MaybeUninit::uninit(); ENTRY_BYTES]),
        }
    }

    /// The process' start, as in [`ProcessFigures::start_ns`].
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// The figures now.
    pub fn read(&mut self) -> ProcessFigures {
        let (virtual_bytes, resident_bytes) = self.memory().unwrap_or((UNKNOWN, UNKNOWN));
        ProcessFigures {
            cpu_ns: cpu_ns().unwrap_or(UNKNOWN),
            resident_bytes,
            virtual_bytes,
            open_descriptors: self.open_descriptors().unwrap_or(UNKNOWN),
            max_descriptors: getrlimit(Resource::Nofile).current.unwrap_or(UNKNOWN),
            start_ns: self.start_ns,
        }
    }

    /// The first two numbers of `/proc/self/statm` (proc(5)): pages of virtual and of resident memory.
    fn memory(&self) -> Option<(u64, u64)> {
        let mut buffer = [0; 128];
        let len = self.statm.as_ref()?.read_at(&mut buffer, 0).ok()?;
        let mut numbers = std::str::from_utf8(&buffer[..len]).ok()?.split_ascii_whitespace();
        let mut bytes = || numbers.next()?.parse::<u64>().ok()?.checked_mul(self.page_bytes);
        Some((bytes()?, bytes()?))
    }

    /// Since Linux 6.2 the size of `/proc/self/fd` is the number of open descriptors. An older kernel says 0, and the
    /// entries are counted, at some 100 ns each.
    fn open_descriptors(&mut self) -> Option<u64> {
        let directory = self.descriptors.as_ref()?;
        match directory.metadata().ok()?.len() {
            0 => count_entries(directory, &mut self.entries[..]),
            descriptors => Some(descriptors),
        }
    }
}

impl ThreadClock {
    /// That of the calling thread.
    pub fn of_this_thread() -> Self {
        Self(File::open("/proc/thread-self/schedstat").ok())
    }

    /// The first number of `schedstat` (the kernel's `Documentation/scheduler/sched-stats.rst`): ns on a CPU, up to the
    /// last tick of the scheduler while the thread runs; [`UNKNOWN`] where the kernel keeps none.
    pub fn cpu_ns(&self) -> u64 {
        let mut buffer = [0; 64];
        let read = self.0.as_ref().and_then(|file| file.read_at(&mut buffer, 0).ok()).unwrap_or_default();
        let text = std::str::from_utf8(&buffer[..read]).unwrap_or_default();
        text.split_ascii_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(UNKNOWN)
    }
}

/// The entries of `directory` but `.` and `..`, from its beginning.
fn count_entries(directory: &File, buffer: &mut [MaybeUninit<u8>]) -> Option<u64> {
    seek(directory, SeekFrom::Start(0)).ok()?;
    let mut entries = RawDir::new(directory, buffer);
    let mut count = 0;
    while let Some(entry) = entries.next() {
        let name = entry.ok()?.file_name().to_bytes().first().copied();
        count += u64::from(name != Some(b'.'));
    }
    Some(count)
}

fn cpu_ns() -> Option<u64> {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec).ok()?.checked_mul(NANOSECONDS)?.checked_add(u64::try_from(time.tv_nsec).ok()?)
}

/// The boot time of `/proc/stat` and field 22 of `/proc/self/stat`, the ticks from boot to start (proc(5)). The name
/// in field 2 may hold anything, so fields are counted from its last parenthesis.
fn start_ns() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let ticks: u64 = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()?;
    let system = fs::read_to_string("/proc/stat").ok()?;
    let boot_seconds: u64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let since_boot = ticks.checked_mul(NANOSECONDS / clock_ticks_per_second().max(1))?;
    boot_seconds.checked_mul(NANOSECONDS)?.checked_add(since_boot)
}

const NANOSECONDS: u64 = 1_000_000_000;

/// A `getdents64` buffer: about 170 entries of `/proc/self/fd` a call.
const ENTRY_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    #[test]
    fn figures_agree_with_what_the_kernel_says_elsewhere() {
        let figures = ProcessReader::open().read();
        let status = fs::read_to_string("/proc/self/status").expect("a Linux with /proc");
        let kibibytes = |key: &str| -> u64 {
            let line = status.lines().find(|line| line.starts_with(key)).expect("a line of status");
            line.split_ascii_whitespace().nth(1).expect("a value").parse().expect("a number")
        };
        let near = |left: u64, right: u64| left.abs_diff(right) <= 64 << 20;
        assert!(near(figures.resident_bytes, kibibytes("VmRSS:") << 10), "{figures:?}");
        assert!(figures.resident_bytes > 1 << 20 && figures.virtual_bytes >= figures.resident_bytes, "{figures:?}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let age = now.as_secs_f64() - Duration::from_nanos(figures.start_ns).as_secs_f64();
        let of_proc = |path: &str, field: usize| -> f64 {
            let text = fs::read_to_string(path).expect("a file of /proc");
            text.split_ascii_whitespace().nth(field).expect("a field").parse().expect("a number")
        };
        let ticks = of_proc("/proc/self/stat", 21) / clock_ticks_per_second() as f64;
        let expected = of_proc("/proc/uptime", 0) - ticks;
        assert!((age - expected).abs() < 2.0, "started {age} s ago, not {expected} s");
        assert!(figures.max_descriptors >= figures.open_descriptors);
    }

    #[test]
    fn cpu_time_rises_with_work() {
        let mut reader = ProcessReader::open();
        let before = reader.read().cpu_ns;
        let mut work = 0_u64;
        while reader.read().cpu_ns < before + 2_000_000 {
            work = std::hint::black_box(work + 1);
        }
        assert!(work > 0);
    }

    #[test]
    fn the_cpu_time_of_a_thread_rises_with_its_own_work_and_is_read_from_elsewhere() {
        let (told, clock) = std::sync::mpsc::sync_channel(1);
        let (done, ended) = std::sync::mpsc::sync_channel::<()>(1);
        let busy = std::thread::spawn(move || {
            told.send(ThreadClock::of_this_thread()).expect("somebody reads");
            let mut work = 0_u64;
            while ended.try_recv().is_err() {
                work = std::hint::black_box(work + 1);
            }
        });
        let (clock, idle) = (clock.recv().expect("a clock"), ThreadClock::of_this_thread());
        assert_ne!(clock.cpu_ns(), UNKNOWN, "a Linux with scheduler statistics");
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        let before = (clock.cpu_ns(), idle.cpu_ns());
        while clock.cpu_ns() < before.0 + 20_000_000 {
            assert!(std::time::Instant::now() < deadline, "it does not rise");
            std::thread::sleep(Duration::from_millis(5));
        }
        let own = idle.cpu_ns() - before.1;
        done.send(()).expect("it runs");
        busy.join().expect("no panic");
        assert!(own < 20_000_000, "this thread slept: {own}");
        assert_eq!(ThreadClock(None).cpu_ns(), UNKNOWN);
    }

    #[test]
    fn both_ways_of_counting_descriptors_see_a_file_opened() {
        let mut reader = ProcessReader::open();
        let files: Vec<_> = (0..400).map(|_| File::open("/proc/self/stat").expect("a descriptor")).collect();
        let directory = reader.descriptors.take().expect("/proc");
        let by_entries = count_entries(&directory, &mut reader.entries[..]).expect("entries");
        assert!(by_entries >= 400, "several fills of the buffer");
        // Other tests open and close files meanwhile.
        reader.descriptors = Some(directory);
        let by_size = reader.open_descriptors().expect("a count");
        assert!(by_size.abs_diff(by_entries) < 100, "{by_size} and {by_entries}");
        drop(files);
    }

    #[test]
    fn without_proc_the_figures_are_unknown() {
        let mut reader = ProcessReader { statm: None, descriptors: None, ..ProcessReader::open() };
        let figures = reader.read();
        assert_eq!(
            (figures.resident_bytes, figures.virtual_bytes, figures.open_descriptors),
            (UNKNOWN, UNKNOWN, UNKNOWN)
        );
        assert_ne!(figures.cpu_ns, UNKNOWN, "the clock needs no /proc");
    }
}
