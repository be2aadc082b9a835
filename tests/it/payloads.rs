//! What Civitai told is what the program tells: documents served as they are come back without a leaf lost.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::leaves::{differing, leaves};
use crate::user::User;

/// A document of a folder, and the kind its recorder gave it.
struct Document {
    name: String,
    kind: String,
    value: Value,
}

/// The documents of a folder that a verb can show. `INDEX.tsv` names the kinds; where there is none, file names begin
/// with them.
fn documents(folder: &Path) -> Vec<Document> {
    let index = fs_err::read_to_string(folder.join("INDEX.tsv")).unwrap_or_default();
    let kinds: BTreeMap<_, _> = index
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut cells = line.split('\t');
            Some((cells.next()?, cells.next()?))
        })
        .collect();
    let mut documents = Vec::new();
    for entry in fs_err::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path
            .file_name()
            .and_then(OsStr::to_str)
            .expect("names are UTF-8")
            .to_owned();
        let Some(stem) = name.strip_suffix(".json") else {
            continue;
        };
        let named = stem.split("__").next().unwrap_or_default();
        let kind = kinds.get(name.as_str()).copied().unwrap_or(named);
        if ["model", "model_version", "models_list"].contains(&kind) {
            let bytes = fs_err::read(&path).expect("the file can be read");
            documents.push(Document {
                kind: kind.to_owned(),
                value: serde_json::from_slice(&bytes).expect("the recording is JSON"),
                name,
            });
        }
    }
    documents.sort_by(|one, other| one.name.cmp(&other.name));
    documents
}

/// Parts documents so that no two of a part answer the same request.
fn parts(documents: Vec<Document>) -> Vec<Vec<Document>> {
    let mut parts: Vec<(BTreeSet<String>, Vec<Document>)> = Vec::new();
    for document in documents {
        let route = match document.kind.as_str() {
            "models_list" => "models".to_owned(),
            kind => format!("{kind} {}", document.value["id"]),
        };
        let at = parts
            .iter()
            .position(|(taken, _)| !taken.contains(&route))
            .unwrap_or_else(|| {
                parts.push(Default::default());
                parts.len() - 1
            });
        parts[at].0.insert(route);
        parts[at].1.push(document);
    }
    parts.into_iter().map(|(_, documents)| documents).collect()
}

/// `civitai-dl sim` on a folder, ended when dropped.
struct Served {
    process: Child,
    site: String,
}

impl Served {
    fn start(user: &User, folder: &Path) -> Self {
        let mut process = user
            .command(&[
                "sim",
                "--payloads",
                folder.to_str().expect("paths of tests are UTF-8"),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the machine lets tests work");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("the machine lets tests work");
        let announced: Value = serde_json::from_str(&line).expect("the first line is JSON");
        let site = announced["site"]
            .as_str()
            .expect("it names its site")
            .to_owned();
        Self { process, site }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.process.wait();
    }
}

/// What a verb tells of a document, in the document's own shape.
fn told(user: &User, document: &Document) -> Value {
    let Document { kind, value, .. } = document;
    let (word, link) = match kind.as_str() {
        "models_list" => return told_list(user, value),
        "model" => ("model", format!("model:{}", value["id"])),
        _ => ("version", format!("version:{}", value["id"])),
    };
    user.run(&["info", &link, "--json"]).exits(0).line(word)[word].clone()
}

/// The items come as lines; what the page says of itself is for the program.
fn told_list(user: &User, page: &Value) -> Value {
    let ran = user
        .run(&["search", "--all", "--nsfw", "xxx", "--json"])
        .exits(0);
    let lines = ran.lines();
    let models = lines.iter().filter(|line| line["type"] == "model");
    let mut told = page.clone();
    told["items"] = models.map(|line| line["model"].clone()).collect();
    told
}

/// Serves every document of `folder` and compares it with what the program makes of it. Returns how many there were.
#[expect(clippy::print_stderr, reason = "a pass is worth what it compared")]
fn compare(folder: &Path) -> usize {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let (mut compared, mut losses) = (0, Vec::new());
    for part in parts(documents(folder)) {
        let user = User::new();
        let served = user.path("served");
        fs_err::create_dir(&served).expect("the machine lets tests work");
        for document in &part {
            fs_err::copy(folder.join(&document.name), served.join(&document.name))
                .expect("the machine lets tests work");
        }
        let sim = Served::start(&user, &served);
        let user = user.with("CIVITAI_BASE_URL", &sim.site);
        for document in part {
            let lost = differing(&document.value, &told(&user, &document));
            compared += leaves(&document.value).len();
            losses.extend(lost.iter().map(|leaf| format!("{}: {leaf}", document.name)));
            *counts.entry(document.kind).or_default() += 1;
        }
    }
    eprintln!(
        "{counts:?}: {compared} leaves compared, {} lost",
        losses.len()
    );
    assert!(losses.is_empty(), "{losses:#?}");
    counts.values().sum()
}

#[test]
fn documents_with_everything_odd_come_back_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/payloads");
    assert_eq!(compare(&folder), 4);
}

#[test]
fn recorded_documents_come_back_whole() {
    let Some(corpus) = std::env::var_os("CIVITAI_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: no corpus");
        return;
    };
    assert!(compare(&corpus.join("api")) > 0, "the corpus is empty");
}
