//! An errand: a command that is done where a node runs, while it does.

use std::process::Stdio;

use super::Node;
use crate::error::StartError;
use crate::launcher::Launcher;
use crate::topology::Text;

impl Node {
    /// Has a command done, with a variable beside those of the node, and waits for its end.
    pub(crate) fn ask(
        &self,
        launcher: &Launcher,
        nonce: &str,
        fill: &(dyn Fn(&Text) -> String + Send + Sync),
        command: &[Text],
        (variable, value): (&str, &str),
    ) -> Result<(), StartError> {
        let failed = |reason: &str| StartError::NoRoom {
            node: self.name(),
            reason: reason.to_owned(),
        };
        let errand = match self.life().running() {
            None => None,
            Some(process) => match process.container() {
                Some(container) => Some(container.exec(command.iter().map(fill), variable)),
                None => self.plan.run.program().and_then(|program| {
                    let launch = self.launch(program, launcher, nonce, fill);
                    launch.question(command)
                }),
            },
        };
        let mut errand = errand.ok_or_else(|| failed("it does not run"))?;
        errand.env(variable, value).stderr(Stdio::piped());
        let output = errand.output();
        let output = output.map_err(|error| failed(&error.to_string()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty());
        match output.status.success() {
            true => Ok(()),
            false => Err(failed(last.unwrap_or("a command failed without a word"))),
        }
    }
}
