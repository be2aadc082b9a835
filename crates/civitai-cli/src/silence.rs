//! A terminal that does not show what is typed.

use std::io::{self, IsTerminal as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// While it lives, the terminal does not show what is typed. Does nothing where standard input is no terminal.
#[derive(Debug)]
pub(crate) struct Silence(Option<Termios>);

impl Silence {
    pub(crate) fn start() -> io::Result<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(Self(None));
        }
        let before = tcgetattr(&stdin)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &silent)?;
        Ok(Self(Some(before)))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // Nobody is left to tell; the user sees it at the next prompt.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
