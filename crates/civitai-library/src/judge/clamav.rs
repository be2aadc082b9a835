//! A second opinion: the virus scanner that runs on this machine, asked over its socket.
//!
//! The file is sent to it, so that it needs no right to open the file; what it answers is one line.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use civitai_security::scan::Verdict;

/// Where the scanner listens.
#[derive(Clone, Debug)]
pub struct ClamAv(PathBuf);

/// What it says of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It knows nothing against it.
    Clean,
    /// It knows this signature.
    Found {
        /// The name of the signature.
        signature: String,
    },
    /// It could not look at all of it.
    Unclear {
        /// Why, in its words or the system's.
        problem: String,
    },
}

impl Answer {
    /// The same as a verdict of the scan.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Clean => Verdict::Clean,
            Self::Found { .. } => Verdict::Malicious,
            Self::Unclear { .. } => Verdict::Unscannable,
        }
    }

    /// The rule it stands under in a report.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Clean | Self::Found { .. } => "clamav_found",
            Self::Unclear { .. } => "clamav_unclear",
        }
    }

    /// What was found, or what is wrong.
    pub fn detail(&self) -> &str {
        match self {
            Self::Clean => "",
            Self::Found { signature } => signature,
            Self::Unclear { problem } => problem,
        }
    }

    /// Reads the line it answers with.
    fn of_line(line: &str) -> Self {
        let line = line.trim_end_matches(['\0', '\n', '\r']);
        let said = line.strip_prefix("stream: ").unwrap_or(line);
        if said == "OK" {
            return Self::Clean;
        }
        match said.strip_suffix(" FOUND") {
            // Its own limits are no virus.
            Some(signature) if signature.starts_with("Heuristics.Limits.Exceeded") => {
                Self::Unclear {
                    problem: signature.to_owned(),
                }
            }
            Some(signature) => Self::Found {
                signature: signature.to_owned(),
            },
            None => Self::Unclear {
                problem: said.strip_suffix(" ERROR").unwrap_or(said).to_owned(),
            },
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.verdict(), self.rule(), self.detail())
    }
}

impl ClamAv {
    /// The scanner that listens at `socket`. Nothing is asked yet.
    pub fn at(socket: &Path) -> Self {
        Self(socket.to_owned())
    }

    /// Asks about the file at `path`. Blocks. Whatever goes wrong is an answer, and never one that calls the file clean.
    pub fn ask(&self, path: &Path) -> Answer {
        match fs_err::File::open(path) {
            Ok(mut file) => self.ask_of(&mut file),
            Err(error) => self.unclear(&error),
        }
    }

    /// Asks about what is read, to its end. Blocks, and answers as [`ask`](Self::ask) does.
    pub fn ask_of(&self, content: &mut dyn io::Read) -> Answer {
        let sent = self.send(content);
        sent.unwrap_or_else(|error| self.unclear(&error))
    }

    fn unclear(&self, error: &io::Error) -> Answer {
        Answer::Unclear {
            problem: format!("{}: {error}", self.0.display()),
        }
    }

    fn send(&self, content: &mut dyn io::Read) -> io::Result<Answer> {
        let mut stream = UnixStream::connect(&self.0)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(b"zINSTREAM\0")?;
        let sent = send_all(content, &mut stream);
        // Over its own limit it answers in the middle and closes; that answer says more than the broken pipe.
        let mut line = Vec::new();
        let read = stream.take(LONGEST_ANSWER).read_to_end(&mut line);
        let line = String::from_utf8_lossy(&line);
        match (line.is_empty(), sent, read) {
            (false, Ok(()), _) => Ok(Answer::of_line(&line)),
            (false, Err(error), _) => Ok(match Answer::of_line(&line) {
                // Nothing counts as clean that was not sent to its end.
                Answer::Clean => Answer::Unclear {
                    problem: error.to_string(),
                },
                answer => answer,
            }),
            (true, Err(error), _) | (true, Ok(()), Err(error)) => Err(error),
            (true, Ok(()), Ok(_)) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn send_all(content: &mut dyn io::Read, stream: &mut UnixStream) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match content.read(&mut chunk[4..]) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let len = u32::try_from(read).expect("a chunk is short");
        chunk[..4].copy_from_slice(&len.to_be_bytes());
        stream.write_all(&chunk[..4 + read])?;
        if read == 0 {
            return stream.flush();
        }
    }
}

const CHUNK: usize = 64 << 10;
/// It says nothing while it works through a big file.
const PATIENCE: Duration = Duration::from_mins(10);
const LONGEST_ANSWER: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_only_ok_is_clean() {
        assert_eq!(Answer::of_line("stream: OK\0"), Answer::Clean);
        for (line, verdict) in [
            ("stream: Eicar-Test-Signature FOUND\0", Verdict::Malicious),
            (
                "INSTREAM size limit exceeded. ERROR\0",
                Verdict::Unscannable,
            ),
            (
                "stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0",
                Verdict::Unscannable,
            ),
            ("", Verdict::Unscannable),
            ("UNKNOWN COMMAND\0", Verdict::Unscannable),
        ] {
            assert_eq!(Answer::of_line(line).verdict(), verdict, "{line}");
        }
    }
}
