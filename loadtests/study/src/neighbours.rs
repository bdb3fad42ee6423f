//! Neighbours on a shared machine.

use std::io;
use std::process::{Child, Command, Stdio};

/// Processes that keep every core half busy, as neighbours on a shared machine do, until
/// dropped.
#[derive(Debug)]
pub struct Neighbours(Vec<Child>);

impl Neighbours {
    /// Starts one on each core: it works for a while and rests for as long, of a length
    /// that no slot's is a multiple of.
    ///
    /// # Errors
    ///
    /// A process can't be started.
    pub fn start() -> io::Result<Self> {
        let mut neighbours = Neighbours(Vec::new());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for number in 0..cores {
            // They end with their input, which is ours to close.
            let script = format!(
                "while :; do timeout 0.{0} sh -c 'while :; do :; done'; read -r -t 0.{0} _ ; \
                 [ $? -gt 128 ] || exit; done",
                37 + 16 * number
            );
            let child = Command::new("bash")
                .args(["-c", &script])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            neighbours.0.push(child);
        }
        Ok(neighbours)
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        for neighbour in &mut self.0 {
            drop(neighbour.stdin.take());
            // It notices within its turn.
            let _ = neighbour.wait();
        }
    }
}
