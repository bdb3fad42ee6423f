//! Signals that ask a verb to end. The first has it end soon and in good order, the second
//! at once; either way it tells what it knows. A third ends the program wherever it is.

use std::future::poll_fn;
use std::io;
use std::process;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use procfs::process::Process;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::exit_code::INVALID;

/// Time limit, from the first signal, for requests that are under way.
pub const LAST_ANSWERS: Duration = Duration::from_secs(3);
/// Time limit, from the first signal, for everything but the record: less than the ten
/// seconds after which supervisors commonly kill.
const IN_GOOD_ORDER: Duration = Duration::from_secs(6);

/// Signals that were heard so far.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    signals: u32,
    first: Option<(&'static str, Instant)>,
}

/// A listener that tells when somebody asks this program to end.
#[derive(Clone, Debug)]
pub struct Interruption(watch::Receiver<Heard>);

impl Interruption {
    /// The listener of this process. From the first call on, Ctrl-C, SIGTERM, SIGQUIT and
    /// SIGHUP no longer end the program by themselves. A SIGHUP that was ignored when the
    /// program started, as `nohup` has it, stays ignored.
    ///
    /// # Errors
    ///
    /// When signals can't be listened for.
    pub fn listen() -> io::Result<Self> {
        static LISTENER: Mutex<Option<Interruption>> = Mutex::new(None);
        let mut listener = LISTENER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listening) = &*listener {
            return Ok(listening.clone());
        }
        let (teller, interruption) = channel();
        listen_for(teller)?;
        Ok(listener.insert(interruption).clone())
    }

    /// A listener that nobody ever tells anything.
    #[cfg(test)]
    pub fn never() -> Self {
        channel().1
    }

    /// True when a signal came.
    pub fn happened(&self) -> bool {
        self.0.borrow().signals > 0
    }

    /// The name of the first signal, if one came.
    pub fn by(&self) -> Option<&'static str> {
        self.0.borrow().first.map(|(name, _)| name)
    }

    /// Waits for the first signal.
    pub async fn happens(&self) {
        self.heard(1).await;
    }

    /// Waits until `grace` after the first signal, or for the second.
    pub async fn lasts(&self, grace: Duration) {
        self.happens().await;
        let first = self.0.borrow().first;
        let until = first.map_or_else(Instant::now, |(_, at)| at + grace);
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = self.heard(2) => {}
        }
    }

    /// Waits until the time for an end in good order is over, or for the second signal.
    pub async fn cuts_short(&self) {
        self.lasts(IN_GOOD_ORDER).await;
    }

    async fn heard(&self, signals: u32) {
        let enough = |heard: &Heard| heard.signals >= signals;
        if self.0.clone().wait_for(enough).await.is_err() {
            // Nobody is left who could tell.
            std::future::pending::<()>().await;
        }
    }
}

/// The side that tells.
pub struct Teller(watch::Sender<Heard>);

pub fn channel() -> (Teller, Interruption) {
    let (teller, listener) = watch::channel(Heard::default());
    (Teller(teller), Interruption(listener))
}

impl Teller {
    /// Tells of one more signal, and gives their number.
    pub fn tell(&self, name: &'static str) -> u32 {
        self.0.send_modify(|heard| {
            heard.signals += 1;
            heard.first.get_or_insert((name, Instant::now()));
        });
        self.0.borrow().signals
    }
}

/// Starts the thread that listens; it ends with the program.
fn listen_for(teller: Teller) -> io::Result<()> {
    /// More can't be asked than once in good order and once at once.
    const ENOUGH: u32 = 3;
    // Goose would install a handler that leaves on the second Ctrl-C, in place of ours. It
    // can't once there is one.
    let _ = ctrlc::set_handler(|| {});
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let mut signals = {
        let _within = runtime.enter();
        wanted()
            .map(|(name, kind)| Ok((name, signal(kind)?)))
            .collect::<io::Result<Vec<_>>>()?
    };
    let listener = thread::Builder::new().name("interruption".to_owned());
    listener.spawn(move || {
        runtime.block_on(async {
            while teller.tell(next(&mut signals).await) < ENOUGH {}
            process::exit(INVALID.into());
        });
    })?;
    Ok(())
}

fn wanted() -> impl Iterator<Item = (&'static str, SignalKind)> {
    let all = [
        ("Ctrl-C", SignalKind::interrupt()),
        ("SIGTERM", SignalKind::terminate()),
        ("SIGQUIT", SignalKind::quit()),
        ("SIGHUP", SignalKind::hangup()),
    ];
    // The others are ignored in whatever a script starts in the background, and yet that is
    // whom it sends them to.
    let deaf = is_ignored(SignalKind::hangup());
    all.into_iter()
        .filter(move |(_, kind)| *kind != SignalKind::hangup() || !deaf)
}

/// True when whoever started this program had it ignore a signal, as far as the kernel tells.
fn is_ignored(kind: SignalKind) -> bool {
    let status = Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign >> (kind.as_raw_value() - 1) & 1 == 1)
}

async fn next(signals: &mut [(&'static str, Signal)]) -> &'static str {
    poll_fn(|cx| {
        let mut came = signals.iter_mut().filter_map(|(name, signal)| {
            let told = signal.poll_recv(cx);
            matches!(told, Poll::Ready(Some(()))).then_some(*name)
        });
        came.next().map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// Signals for tests.
#[cfg(test)]
pub mod testing {
    pub use super::channel;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_signal_leaves_time_and_the_second_none() {
        const GRACE: Duration = Duration::from_millis(50);
        let (teller, interruption) = channel();
        assert!(!interruption.happened());
        let began = Instant::now();
        assert_eq!(teller.tell("SIGTERM"), 1);
        interruption.happens().await;
        interruption.lasts(GRACE).await;
        assert!(began.elapsed() >= GRACE);
        assert_eq!(teller.tell("Ctrl-C"), 2);
        interruption.cuts_short().await;
        assert!(began.elapsed() < IN_GOOD_ORDER);
        assert_eq!(interruption.by(), Some("SIGTERM"));
    }

    #[test]
    fn time_in_good_order_leaves_some_for_the_record_before_a_supervisor_kills() {
        assert!(LAST_ANSWERS < IN_GOOD_ORDER);
        assert!(IN_GOOD_ORDER <= Duration::from_secs(7));
    }
}
