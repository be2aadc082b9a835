//! What one download of a round is: a file, its faults, who brings it, and how that must end.

use civitai_sim::Sim;
use civitai_sim::content::{Content, Kind};
use civitai_sim::fault::FaultId;
use civitai_sim::state::{Backend, File, Model, Version};

use super::knobs::{Company, End, Place, Price, Row, Subject};
use crate::draw::Draw;

/// One file to bring.
#[derive(Debug)]
pub(crate) struct Case {
    /// Of the model, of its version and of that one's file.
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) content: Content,
    pub(crate) end: End,
    pub(crate) price: Price,
    /// The rows it meets, for people.
    pub(crate) faults: Vec<&'static str>,
    placed: Vec<FaultId>,
}

/// Who brings the files of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// `civitai-dl fetch` of the download routes.
    Fetch,
    /// `civitai-dl get` of the versions.
    Get,
    /// A transfer in this process.
    Library,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Fetch, Self::Get, Self::Library];

    /// Whether it asks at this place at all.
    fn meets(self, place: Place) -> bool {
        match self {
            Self::Fetch => place != Place::Api,
            Self::Get => true,
            Self::Library => place == Place::Storage,
        }
    }
}

/// Files brought by one call.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) way: Way,
    pub(crate) cases: Vec<Case>,
    /// How often the program is killed before it may end.
    pub(crate) kills: u64,
    /// For what is drawn while it runs.
    pub(crate) draw: Draw,
}

impl Job {
    /// Draws a job and puts its files and faults into the simulator. Ids from `first` on are free.
    pub(crate) fn draw(draw: &mut Draw, sim: &Sim, first: u32) -> Self {
        let way = *draw.pick(&[Way::Fetch, Way::Fetch, Way::Get, Way::Get, Way::Library]);
        let killed = way != Way::Library && draw.one_in(4);
        let several = way != Way::Library && !killed && draw.one_in(4);
        let count = if several { draw.within(2..=6) } else { 1 };
        let mut cases = Vec::new();
        for id in (first..).take(usize::try_from(count).unwrap_or(1)) {
            // One that must end wrong would hide among several, and what a kill leaves of it says nothing.
            let right_only = killed || several;
            cases.push(Case::draw(draw, sim, way, id, right_only));
        }
        Self {
            way,
            cases,
            kills: if killed { draw.within(1..=3) } else { 0 },
            draw: Draw::new(draw.number()),
        }
    }

    /// One file, one row.
    pub(crate) fn of_row(
        draw: &mut Draw,
        sim: &Sim,
        way: Way,
        row: &'static Row,
        id: u32,
    ) -> Option<Self> {
        let bytes = draw.within(1 << 20..=12 << 20);
        way.meets(row.place).then(|| Self {
            way,
            cases: vec![Case::place(draw, sim, id, bytes, &[row])],
            kills: 0,
            draw: Draw::new(draw.number()),
        })
    }
}

impl Case {
    fn draw(draw: &mut Draw, sim: &Sim, way: Way, id: u32, right_only: bool) -> Self {
        let met = |end: fn(&Row) -> bool| -> Vec<&'static Row> {
            Row::usable()
                .filter(|row| row.company != Company::Nobody)
                .filter(|row| way.meets(row.place) && end(row))
                .collect()
        };
        let rows = if !right_only && draw.one_in(4) {
            vec![*draw.pick(&met(|row| row.end != End::Right))]
        } else {
            // Each row may use up two of the five tries that a file without progress has.
            let right = met(|row| row.end == End::Right);
            let mut rows = vec![*draw.pick(&right)];
            let other = *draw.pick(&right);
            if draw.one_in(2) && rows[0].goes_with(other) {
                rows.push(other);
            }
            rows
        };
        let bytes = match draw.below(12) {
            0 => draw.within(0..=1),
            1..=3 => draw.within(2..=100_000),
            4..=8 => draw.within(100_000..=8 << 20),
            9 | 10 => draw.within(8 << 20..=32 << 20),
            _ => draw.within(32 << 20..=160 << 20),
        };
        // A file without bytes has none that could be wrong.
        let bytes = if rows[0].end == End::Right {
            bytes
        } else {
            bytes.max(4096)
        };
        Self::place(draw, sim, id, bytes, &rows)
    }

    fn place(draw: &mut Draw, sim: &Sim, id: u32, bytes: u64, rows: &[&'static Row]) -> Self {
        let content = Content::new(Kind::SafeTensors, draw.number(), bytes);
        let name = format!("file-{id}.safetensors");
        let backend = *draw.pick(&[Backend::R2, Backend::B2]);
        let file = File::new(id, &name, bytes)
            .with_content(content.clone())
            .with_backend(backend);
        let version = Version::new(id, "v1").with_file(file);
        sim.state()
            .add_model(Model::new(id, "Soaked", "LORA").with_version(version));
        let subject = Subject { id, bytes };
        let faults = rows.iter().flat_map(|row| row.faults(draw, subject));
        let placed = faults.map(|fault| sim.faults().add(fault)).collect();
        let costly = rows.iter().any(|row| row.price == Price::Bytes);
        Self {
            id,
            name,
            content,
            end: rows[0].end,
            price: if costly { Price::Bytes } else { Price::Nothing },
            faults: rows.iter().map(|row| row.name).collect(),
            placed,
        }
    }

    /// Whether it is too short for the header that its name promises: whoever looks into it says so, and rightly.
    pub(crate) fn is_stub(&self) -> bool {
        self.content.len() < LEAST_SAFETENSORS
    }

    /// How often its faults struck.
    pub(crate) fn hits(&self, sim: &Sim) -> u64 {
        let list = sim.faults().list();
        let own = list
            .iter()
            .filter(|standing| self.placed.contains(&standing.id));
        own.map(|standing| standing.hits).sum()
    }
}

/// The length of the header, and `{}`.
const LEAST_SAFETENSORS: u64 = 10;
