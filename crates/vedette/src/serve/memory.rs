//! Memory that is free goes back to the system. The allocator (mimalloc) gives it back when a thread asks it for more or
//! ends, and keeps much of what a waiting thread once had: a server that was busy for a minute would hold it for days.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How long a thread that waited for disks or computed for long stays for the next one to do.
pub(super) const REST: Duration = Duration::from_millis(500);

/// Begins anew with the allocator told to keep memory that became free for ten seconds. It gives it back after one
/// otherwise, and whoever asks his next question after a look at the last answer waits for pages to be cleared again: twice
/// as long for a count over three million rows. The allocator reads this from the environment alone, when the process
/// begins; where that cannot be, all stays as it is.
pub(super) fn hold_free() {
    use std::os::unix::process::CommandExt;
    const DELAY: &str = "MIMALLOC_PURGE_DELAY";
    if std::env::var_os(DELAY).is_some() {
        return; // it did, or somebody knows better
    }
    if let Ok(program) = std::env::current_exe() {
        let mut again = std::process::Command::new(program);
        let _ = again.args(std::env::args_os().skip(1)).env(DELAY, "10000").exec(); // comes back only where it failed
    }
}

/// The allocator asks for huge pages, and much of what requests allocate touches little of its page: the kernel would clear
/// two megabytes for a few kilobytes. Without them queries take an eighth less CPU time, reading secrets a tenth, and an idle
/// server holds 39 MB instead of 70.
pub(super) fn use_small_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages stay as the system has them");
    }
}

/// Before a thread of the runtime waits: the allocator looks through a thread's pages for those that others have emptied
/// meanwhile, once in ten thousand allocations; a thread that waits makes none. Costs 0.2 ms, once a second at most.
pub(super) fn sweep() {
    const EVERY: Duration = Duration::from_secs(1);
    const ALLOCATIONS: usize = 10_000;
    /// Smaller ones do not count.
    const BYTES: usize = 2048;
    thread_local! {
        static SWEPT: Cell<Option<Instant>> = const { Cell::new(None) };
    }
    let now = Instant::now();
    if SWEPT.get().is_some_and(|swept| now.duration_since(swept) < EVERY) {
        return;
    }
    SWEPT.set(Some(now));
    for _ in 0..ALLOCATIONS {
        drop(black_box(Vec::<u8>::with_capacity(BYTES)));
    }
}

/// How long a thread of the runtime waits for the others.
const PATIENCE: Duration = Duration::from_millis(2);

/// What the allocator has held for long enough goes back now, and not with the next burst of work.
pub(super) async fn give_back() -> anyhow::Result<()> {
    // Each of the runtime's threads wakes for one of these, so that it sweeps when it waits again. They keep theirs until
    // all have come, else one thread would take them all; where threads are busy, not for long.
    let threads = tokio::runtime::Handle::current().metrics().num_workers();
    let met = Arc::new((Mutex::new(0), Condvar::new()));
    let meet = |met: Arc<(Mutex<usize>, Condvar)>| async move {
        let (count, came) = &*met;
        let mut count = count.lock();
        *count += 1;
        came.notify_all();
        came.wait_while_for(&mut count, |count| *count < threads, PATIENCE);
    };
    let all: Vec<_> = (0..threads).map(|_| tokio::spawn(meet(Arc::clone(&met)))).collect();
    for one in all {
        one.await?;
    }
    // the allocator looks for such memory when a thread ends; one that allocates nothing is not known to it
    let ends_at_once = || drop(black_box(Box::new(0)));
    std::thread::Builder::new().name("memory".into()).spawn(ends_at_once)?;
    Ok(())
}
