//! What a job may become. Pure: the store asks here before it writes.

use std::fmt;
use std::str::FromStr;

/// A word that stands for none of the values it is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one of {}", .known.join(", "))]
pub struct UnknownWord {
    /// The words there are.
    pub known: &'static [&'static str],
}

/// An enum whose values have names that are stored, printed and read back.
macro_rules! words {
    (
        $(#[$outer:meta])*
        pub enum $name:ident { $($(#[$inner:meta])* $variant:ident $word:literal,)* }
    ) => {
        $(#[$outer])*
        pub enum $name { $($(#[$inner])* $variant,)* }

        impl $name {
            /// The names, in the order of the values.
            pub const WORDS: &[&str] = &[$($word,)*];

            /// The name, as it is parsed back.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(UnknownWord { known: Self::WORDS }),
                }
            }
        }
    };
}

words! {
    /// Where a job stands.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum State {
        /// Waits for a runner.
        Pending "pending",
        /// A runner is at it, or was when it died.
        Processing "processing",
        /// Every item is there.
        Completed "completed",
        /// It was gone through, and some item could not be had.
        Failed "failed",
        /// Given up on request.
        Cancelled "cancelled",
        /// Stopped on request, to go on later.
        Paused "paused",
    }
}

words! {
    /// Where an item of a job stands. The last three are final until the job is tried again.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum ItemState {
        /// Not begun, or to be begun again.
        Pending "pending",
        /// Being looked up or fetched.
        Processing "processing",
        /// Every file of it is there.
        Completed "completed",
        /// Some file of it could not be had.
        Failed "failed",
        /// Its job was cancelled before.
        Cancelled "cancelled",
    }
}

words! {
    /// How the files of a job share the time.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub enum Strategy {
        /// One file at a time, in order.
        Sequential "sequential",
        /// A fixed number of files at a time, in order.
        Parallel "parallel",
        /// As many as pay, small files beside big ones.
        #[default]
        Adaptive "adaptive",
    }
}

words! {
    /// What a user may ask of a job.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Order {
        /// Stop, and keep everything for later.
        Pause "pause",
        /// Go on after a pause.
        Resume "resume",
        /// Stop for good.
        Cancel "cancel",
        /// Try again what failed or was cancelled.
        Retry "retry",
    }
}

/// What happens to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// A runner begins.
    Start,
    /// A runner stops without an end: it was asked to leave, or died.
    PutBack,
    /// Nothing is left to do, and all went well.
    Complete,
    /// Nothing is left to do, and something failed.
    Fail,
    /// An order of the user.
    Obey(Order),
}

impl State {
    /// Returns whether nothing happens to the job any more unless it is tried again.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Where the job stands after a step; none for a step that makes no sense here.
    pub(super) fn after(self, step: Step) -> Option<Self> {
        Some(match (self, step) {
            (Self::Pending, Step::Start) => Self::Processing,
            (Self::Processing, Step::PutBack) | (Self::Paused, Step::Obey(Order::Resume)) => {
                Self::Pending
            }
            (Self::Processing, Step::Complete) => Self::Completed,
            (Self::Processing, Step::Fail) => Self::Failed,
            (Self::Pending | Self::Processing, Step::Obey(Order::Pause)) => Self::Paused,
            (Self::Pending | Self::Processing | Self::Paused, Step::Obey(Order::Cancel)) => {
                Self::Cancelled
            }
            (Self::Failed | Self::Cancelled, Step::Obey(Order::Retry)) => Self::Pending,
            _ => return None,
        })
    }
}

impl ItemState {
    /// Returns whether the item is not to be touched any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 6] = [
        State::Pending,
        State::Processing,
        State::Completed,
        State::Failed,
        State::Cancelled,
        State::Paused,
    ];

    /// The table, written out: rows are states, columns start, put back, complete, fail, pause, resume, cancel, retry.
    #[test]
    fn exactly_the_steps_of_the_table_are_possible() {
        let steps = [
            Step::Start,
            Step::PutBack,
            Step::Complete,
            Step::Fail,
            Step::Obey(Order::Pause),
            Step::Obey(Order::Resume),
            Step::Obey(Order::Cancel),
            Step::Obey(Order::Retry),
        ];
        let table = [
            ["processing", "", "", "", "paused", "", "cancelled", ""],
            [
                "",
                "pending",
                "completed",
                "failed",
                "paused",
                "",
                "cancelled",
                "",
            ],
            ["", "", "", "", "", "", "", ""],
            ["", "", "", "", "", "", "", "pending"],
            ["", "", "", "", "", "", "", "pending"],
            ["", "", "", "", "", "pending", "cancelled", ""],
        ];
        for (state, row) in STATES.into_iter().zip(table) {
            for (step, expected) in steps.into_iter().zip(row) {
                let after = state.after(step).map_or("", State::as_str);
                assert_eq!(after, expected, "{state} {step:?}");
            }
        }
    }

    #[test]
    fn words_are_read_back() {
        for state in STATES {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        let error = "done".parse::<Strategy>().expect_err("no such strategy");
        assert_eq!(
            error.to_string(),
            "not one of sequential, parallel, adaptive"
        );
    }
}
