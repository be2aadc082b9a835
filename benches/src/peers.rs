//! Other programs that do the same job, as data.
//!
//! A command is written as for a shell that knows double quotes and nothing else. In it, `{url}` is the site's
//! address of the file (answers 307), `{open}` the storage's folder without signatures, `{source}` the served
//! file or folder on disk, `{out}` where the file shall be, `{dir}` the folder of that, `{name}` its name,
//! `{sha256}` its digest, `{ca}` the authority of the origin's certificate. For lists, `{list}`, `{urls}`, `{curl}`
//! and `{aria2}` are files that name all of them in civitai-dl's, wget's, curl's and aria2's way; `{scripts}` are this
//! crate's own in Python.

use std::env;
use std::process::Command;

/// A program and how it is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) command: &'static str,
    /// How many connections it opens at most.
    pub(crate) connections: u16,
    /// Whether it compares the digest itself; the others are charged with a pass of SHA-256.
    pub(crate) verifies: bool,
    /// What `python3` must be able to import, if the command is one for that.
    pub(crate) module: Option<&'static str>,
}

/// What is done, and by whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// How the measured binary, `{civitai-dl}`, is called.
    pub(crate) ours: &'static str,
    pub(crate) peers: &'static [Peer],
}

/// One file.
pub(crate) const ONE: Job = Job {
    ours: "{civitai-dl} fetch {url} --output {out} --sha256 {sha256} --ca-file {ca} --allow-private-network --quiet",
    peers: &[
        peer("curl", 1, "curl -sSfL --cacert {ca} -o {out} {url}"),
        peer("wget", 1, "wget -q --ca-certificate={ca} -O {out} {url}"),
        peer("wget2", 1, "wget2 -q --ca-certificate={ca} -O {out} {url}"),
        peer(
            "wget2-16",
            16,
            "wget2 -q --ca-certificate={ca} --chunk-size=32M --max-threads=16 -O {out} {url}",
        ),
        peer(
            "aria2c-16",
            16,
            "aria2c -q --ca-certificate={ca} -x16 -s16 -k4M --file-allocation=falloc --disk-cache=64M -d {dir} -o {name} {url}",
        ),
        peer(
            "aria2c-16-k1M",
            16,
            "aria2c -q --ca-certificate={ca} -x16 -s16 -k1M --file-allocation=falloc -d {dir} -o {name} {url}",
        ),
        Peer {
            name: "aria2c-16-sha256",
            command: "aria2c -q --ca-certificate={ca} -x16 -s16 -k4M --file-allocation=falloc --checksum=sha-256={sha256} -d {dir} -o {name} {url}",
            connections: 16,
            verifies: true,
            module: None,
        },
        // It takes no address for a host's name, so its check of the certificate fails.
        peer("axel-16", 16, "axel -q -k -n16 -o {out} {url}"),
        peer(
            "lftp-16",
            16,
            r#"lftp -c "set ssl:ca-file {ca}; pget -n 16 -O {dir} {open}/{name}""#,
        ),
        peer(
            "rclone-16",
            16,
            "rclone --ca-cert {ca} copyto --multi-thread-streams 16 --multi-thread-cutoff 16M :http,url='{open}/':{name} {out}",
        ),
        python(
            "hf_transfer-16",
            16,
            "hf_transfer",
            r#"python3 -c "import sys, hf_transfer as h; h.download(sys.argv[1], sys.argv[2], 16, 10485760)" {url} {out}"#,
        ),
    ],
};

/// A list of files.
pub(crate) const MANY: Job = Job {
    ours: "{civitai-dl} fetch --list {list} --to {dir} --ca-file {ca} --allow-private-network --quiet",
    peers: &[
        peer(
            "curl-16",
            16,
            "curl -sSfL --cacert {ca} --parallel --parallel-max 16 -K {curl}",
        ),
        peer(
            "curl-64",
            64,
            "curl -sSfL --cacert {ca} --parallel --parallel-max 64 -K {curl}",
        ),
        peer(
            "wget2-16",
            16,
            "wget2 -q --ca-certificate={ca} --content-disposition --max-threads=16 -i {urls}",
        ),
        peer(
            "aria2c-16",
            16,
            "aria2c -q --ca-certificate={ca} -j16 --file-allocation=none -d {dir} -i {aria2}",
        ),
        peer(
            "aria2c-64",
            64,
            "aria2c -q --ca-certificate={ca} -j64 --file-allocation=none -d {dir} -i {aria2}",
        ),
        peer(
            "rclone-16",
            16,
            "rclone --ca-cert {ca} copy --transfers 16 --checkers 32 :http,url='{open}/': {dir}",
        ),
    ],
};

/// One file, called again after a kill to go on where it was.
pub(crate) const RESUMING: Job = Job {
    ours: ONE.ours,
    peers: &[
        peer("curl", 1, "curl -sSfL -C - -o {out} {url}"),
        peer("wget", 1, "wget -q -c -O {out} {url}"),
        peer(
            "aria2c-16",
            16,
            "aria2c -q -c -x16 -s16 -k4M --file-allocation=falloc --auto-save-interval=1 -d {dir} -o {name} {url}",
        ),
        peer("axel-16", 16, "axel -q -n16 -o {out} {url}"),
        peer(
            "lftp-16",
            16,
            r#"lftp -c "pget -c -n 16 -O {dir} {open}/{name}""#,
        ),
        peer(
            "rclone-16",
            16,
            "rclone copyto --multi-thread-streams 16 --multi-thread-cutoff 16M :http,url='{open}/':{name} {out}",
        ),
    ],
};

/// Digests of the files whose paths are added to the command.
pub(crate) const HASHING: Job = Job {
    ours: "{civitai-dl} hash --quiet",
    peers: &[
        python(ALL_FOUR, 0, "blake3", "python3 {scripts}/digests.py"),
        peer("openssl sha256", 0, "openssl dgst -sha256"),
        peer("sha256sum", 0, "sha256sum"),
        peer("b3sum", 0, "b3sum"),
        peer("rhash sha256 crc32", 0, "rhash --sha256 --crc32"),
    ],
};

/// The peer that makes every digest that we make.
pub(crate) const ALL_FOUR: &str = "python, all four";

pub(crate) const JOBS: [Job; 4] = [ONE, MANY, RESUMING, HASHING];

const fn peer(name: &'static str, connections: u16, command: &'static str) -> Peer {
    Peer {
        name,
        command,
        connections,
        verifies: false,
        module: None,
    }
}

const fn python(
    name: &'static str,
    connections: u16,
    module: &'static str,
    command: &'static str,
) -> Peer {
    Peer {
        module: Some(module),
        ..peer(name, connections, command)
    }
}

impl Peer {
    /// Whether this machine has it.
    pub(crate) fn is_installed(&self) -> bool {
        match self.module {
            Some(module) => output("python3", &["-c", &format!("import {module}")]).is_some(),
            None => is_on_path(self.program()),
        }
    }

    /// Its name and the first word that looks like a version in what it says of itself.
    pub(crate) fn version(&self) -> Option<String> {
        let (name, said) = match (self.module, self.program()) {
            (Some(module), _) => (module, output("python3", &["-c", PYTHON_VERSION, module])?),
            (None, "openssl") => ("openssl", output("openssl", &["version"])?),
            (None, program) => (program, output(program, &["--version"])?),
        };
        Some(format!("{name} {}", version(&said)?))
    }

    fn program(&self) -> &'static str {
        self.command.split(' ').next().unwrap_or_default()
    }
}

const PYTHON_VERSION: &str = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))";

/// The words of a command, with the fields' values in place of their names.
pub(crate) fn words(command: &str, fields: &[(&str, String)]) -> Vec<String> {
    let mut words = vec![String::new()];
    // Every second part stands in quotes; a space outside begins a new word.
    for (nth, part) in command.split('"').enumerate() {
        let mut pieces = if nth % 2 == 1 {
            vec![part]
        } else {
            part.split(' ').collect()
        }
        .into_iter();
        if let (Some(word), Some(piece)) = (words.last_mut(), pieces.next()) {
            word.push_str(piece);
        }
        words.extend(pieces.map(str::to_owned));
    }
    words.retain(|word| !word.is_empty());
    words.iter().map(|word| fill(word, fields)).collect()
}

fn fill(word: &str, fields: &[(&str, String)]) -> String {
    fields.iter().fold(word.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}

/// Whether there is a program of this name to be started.
pub(crate) fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn version(said: &str) -> Option<&str> {
    said.split_whitespace()
        .map(|word| word.trim_start_matches('v').trim_end_matches(','))
        .find(|word| word.contains('.') && word.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_at_spaces_outside_quotes_before_it_is_filled() {
        let fields = [("ca", "/a b".to_owned())];
        let words = words(r#"lftp -c "set ca {ca}; pget" -o{ca} x"y z""#, &fields);
        assert_eq!(words, ["lftp", "-c", "set ca /a b; pget", "-o/a b", "xy z"]);
    }

    #[test]
    fn every_field_of_every_command_is_known() {
        let known = [
            "civitai-dl",
            "url",
            "open",
            "out",
            "dir",
            "name",
            "sha256",
            "ca",
            "list",
            "urls",
            "curl",
            "aria2",
            "source",
            "scripts",
        ];
        let fields = known.map(|name| (name, "x".to_owned()));
        for job in JOBS {
            let commands = job.peers.iter().map(|peer| peer.command);
            for command in commands.chain([job.ours]) {
                let filled = words(command, &fields).join(" ");
                assert!(!filled.contains(['{', '}', '"']), "{filled}");
            }
        }
    }

    #[test]
    fn names_are_unique_within_a_job() {
        for job in JOBS {
            let mut names: Vec<_> = job.peers.iter().map(|peer| peer.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), job.peers.len());
        }
    }

    #[test]
    fn a_version_is_found_in_what_programs_say() {
        assert_eq!(
            version("LFTP | Version 4.9.2 | Copyright (c) 1996-2020"),
            Some("4.9.2")
        );
        assert_eq!(
            version("rclone v1.60.1-DEV\n- os/version: debian 12"),
            Some("1.60.1-DEV")
        );
        assert_eq!(version("Axel 2.17.11 (linux-gnu)"), Some("2.17.11"));
        assert_eq!(version("no number at all"), None);
    }
}
