//! Which report a name means: a folder, one of the reports by its name or the begin of
//! it, the latest, or the latest of a plan; `~1` and so on for earlier ones.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::{Kind, Reports};
use crate::words::counted;

/// How names of reports work, for `--help`.
pub const HELP: &str = "\
A RUN is one of
  latest, smoke          the latest run, the latest run of a plan
  latest~1, smoke~2      the one before, the one before that
  20260102T030405Z-smoke the name of a run's folder, or as much of it as is unique
  path/to/a/folder       any folder that has a run.json";

/// Why a name means no report.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There are none at all.
    #[error("there are no runs in {} yet; the command `run` makes one", place.display())]
    NoneYet {
        /// Where they would be.
        place: PathBuf,
    },
    /// The name is that of none.
    #[error("no run in {} is called {name:?}: give latest, a plan that was run ({plans}), or a folder's name", place.display())]
    Unknown {
        /// The name.
        name: String,
        /// Where was looked.
        place: PathBuf,
        /// Plans that would do.
        plans: String,
    },
    /// The name goes further back than there are runs.
    #[error("{name:?} goes too far back: {of} has {} in {}", counted(*count as u64, "run", "runs"), place.display())]
    TooFarBack {
        /// The name.
        name: String,
        /// The plan, or all.
        of: String,
        /// How many there are.
        count: usize,
        /// Where was looked.
        place: PathBuf,
    },
    /// The name is the begin of several.
    #[error("{name:?} could be {candidates}; write more of it")]
    Ambiguous {
        /// The name.
        name: String,
        /// What it could be.
        candidates: String,
    },
    /// The runs can't be listed.
    #[error("could not look for runs in {}", place.display())]
    List {
        /// Where they would be.
        place: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl Reports {
    /// The folder of the report that `name` means: of a run, else of a gate, a
    /// comparison or a study of capacity.
    ///
    /// # Errors
    ///
    /// There is none of that name, or there are several.
    pub fn find(&self, name: &str) -> Result<(Kind, PathBuf), FindError> {
        let is_run = |error: &FindError| {
            !matches!(error, FindError::Unknown { .. } | FindError::NoneYet { .. })
        };
        let of_run = match self.find_run(name) {
            Ok(folder) => return Ok((Kind::Run, folder)),
            Err(error) if is_run(&error) => return Err(error),
            Err(error) => error,
        };
        for kind in [Kind::Gate, Kind::Comparison, Kind::Capacity] {
            let path = Path::new(name);
            if path.join(kind.record()).exists() {
                return Ok((kind, path.to_owned()));
            }
            if self
                .ids(kind)
                .is_ok_and(|ids| ids.iter().any(|id| id == name))
            {
                return Ok((kind, self.folder_of(kind, name)));
            }
        }
        Err(of_run)
    }

    /// The folder of the run that `name` means.
    ///
    /// # Errors
    ///
    /// There is none of that name, or there are several.
    pub fn find_run(&self, name: &str) -> Result<PathBuf, FindError> {
        if Path::new(name).join(Kind::Run.record()).exists() {
            return Ok(PathBuf::from(name));
        }
        let place = self.folder.clone();
        let ids = self.ids(Kind::Run).map_err(|source| FindError::List {
            place: place.clone(),
            source,
        })?;
        let id = choose(name, &ids).map_err(|miss| explain(miss, name, &ids, place))?;
        Ok(self.folder_of(Kind::Run, id))
    }
}

/// Why a name means no run.
#[derive(Debug, PartialEq, Eq)]
enum Miss<'a> {
    Unknown,
    TooFarBack { of: &'a str, count: usize },
    Ambiguous(Vec<&'a str>),
}

/// The run that `name` means among `ids`, of which the newest is first.
fn choose<'a>(name: &'a str, ids: &'a [String]) -> Result<&'a str, Miss<'a>> {
    if let Some(id) = ids.iter().find(|id| *id == name) {
        return Ok(id);
    }
    let (of, back) = match name.rsplit_once('~') {
        Some((of, back)) => (of, back.parse().map_err(|_| Miss::Unknown)?),
        None => (name, 0_usize),
    };
    let meant: Vec<&str> = ids
        .iter()
        .map(String::as_str)
        .filter(|id| of == "latest" || is_of_plan(id, of))
        .collect();
    if let Some(id) = meant.get(back) {
        return Ok(id);
    }
    if !meant.is_empty() {
        let count = meant.len();
        return Err(Miss::TooFarBack { of, count });
    }
    let mut begun = ids
        .iter()
        .map(String::as_str)
        .filter(|id| id.starts_with(name));
    match (begun.next(), begun.next()) {
        (Some(id), None) if !name.is_empty() => Ok(id),
        (Some(id), Some(other)) if !name.is_empty() => Err(Miss::Ambiguous(
            [id, other].into_iter().chain(begun).collect(),
        )),
        _ => Err(Miss::Unknown),
    }
}

/// The plan's name in that of a run, which is `<UTC time>-<plan>`, perhaps with a number
/// for those of the same second.
fn plan_of(id: &str) -> Option<&str> {
    Some(id.split_once('-')?.1)
}

fn is_of_plan(id: &str, plan: &str) -> bool {
    let is_number = |rest: &str| {
        let number = rest.strip_prefix('-');
        number
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    };
    let rest = plan_of(id).and_then(|name| name.strip_prefix(plan));
    !plan.is_empty() && rest.is_some_and(|rest| rest.is_empty() || is_number(rest))
}

fn explain(miss: Miss<'_>, name: &str, ids: &[String], place: PathBuf) -> FindError {
    /// More names than that nobody reads.
    const SHOWN: usize = 5;
    let list = |names: &[&str]| {
        let mut text = names
            .iter()
            .take(SHOWN)
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        if names.len() > SHOWN {
            write!(text, " or {} more", names.len() - SHOWN).expect("a string takes every write");
        }
        text
    };
    let name = name.to_owned();
    match miss {
        Miss::Unknown if ids.is_empty() => FindError::NoneYet { place },
        Miss::Unknown => {
            let mut plans: Vec<&str> = ids.iter().filter_map(|id| plan_of(id)).collect();
            plans.sort_unstable();
            plans.dedup();
            let plans = list(&plans);
            FindError::Unknown { name, place, plans }
        }
        Miss::TooFarBack { of, count } => FindError::TooFarBack {
            name,
            of: of.to_owned(),
            count,
            place,
        },
        Miss::Ambiguous(found) => FindError::Ambiguous {
            name,
            candidates: list(&found),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids() -> Vec<String> {
        [
            "20260103T000000Z-smoke-2",
            "20260103T000000Z-smoke",
            "20260102T120000Z-default",
            "20260102T000000Z-smoke",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    #[test]
    fn a_name_means_the_latest_or_that_of_a_plan_or_one_before() {
        let ids = ids();
        for (name, place) in [
            ("latest", 0),
            ("latest~2", 2),
            ("smoke", 0),
            ("smoke~1", 1),
            ("smoke~2", 3),
            ("default", 2),
            ("20260102T12", 2),
            ("20260103T000000Z-smoke", 1),
        ] {
            assert_eq!(choose(name, &ids), Ok(ids[place].as_str()), "{name}");
        }
    }

    #[test]
    fn a_name_that_means_none_or_several_is_explained() {
        let ids = ids();
        for (name, says) in [
            (
                "soak",
                "give latest, a plan that was run (default, smoke, smoke-2)",
            ),
            ("", "no run in"),
            ("smoke~", "no run in"),
            ("smoke~7", "smoke has 3 runs"),
            (
                "2026",
                "could be 20260103T000000Z-smoke-2, 20260103T000000Z-smoke",
            ),
        ] {
            let miss = choose(name, &ids).expect_err(name);
            let text = explain(miss, name, &ids, "reports".into()).to_string();
            assert!(text.contains(says), "{text}");
        }
        let none = explain(Miss::Unknown, "latest", &[], "reports".into());
        assert!(none.to_string().contains("makes one"), "{none}");
    }

    proptest! {
        #[test]
        fn a_run_is_found_by_its_whole_name_and_no_name_breaks_anything(
            ids in prop::collection::vec("[0-9]{1,3}T-[a-z]{1,2}(-[0-9])?", 1..6),
            name in "\\PC{0,8}",
        ) {
            let _ = choose(&name, &ids);
            for id in &ids {
                prop_assert_eq!(choose(id, &ids), Ok(id.as_str()));
            }
        }
    }
}
