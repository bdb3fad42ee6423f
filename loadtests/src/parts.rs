//! The real things that take places of the laboratory, as flags and in plans.

use clap::Args;
use integration::real::{Parts, Place, Real};
use skein::plan::{Mistake, Spanned};

/// The real thing in a place, or ours.
///
/// A name is enough: the server is then the one at `SKEIN_<KIND>_URL`, or else a container,
/// or else a program of this machine, whichever can be had.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "The real thing in place of ours")]
pub(crate) struct PartFlags {
    /// In front of the gateways: ours, nginx or haproxy; with :program or :container after
    /// it, that way and no other.
    #[arg(long, value_name = "PART", conflicts_with = "topology",
          value_parser = |text: &str| Choice::parse(Place::Balancer, text))]
    balancer: Option<Choice>,

    /// In place of the caches: ours, redis (or redis:program, redis:container), or the URLs
    /// of servers that run already, with commas between them.
    #[arg(long, value_name = "PART", conflicts_with = "topology",
          value_parser = |text: &str| Choice::parse(Place::Cache, text))]
    cache: Option<Choice>,

    /// Between the worker and its executors: ours, rabbitmq (or rabbitmq:program,
    /// rabbitmq:container), or the URL of one that runs already.
    #[arg(long, value_name = "PART", conflicts_with = "topology",
          value_parser = |text: &str| Choice::parse(Place::Queue, text))]
    queue: Option<Choice>,

    /// Behind database and worker, in place of their files: ours, postgres (or
    /// postgres:program, postgres:container), or the URL of one that runs already.
    #[arg(long, value_name = "PART", conflicts_with = "topology",
          value_parser = |text: &str| Choice::parse(Place::Database, text))]
    database: Option<Choice>,
}

/// A choice for a place; none means ours.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Choice(Option<Real>);

impl Choice {
    fn parse(place: Place, text: &str) -> Result<Self, String> {
        let parsed = place.parse(text).map(Choice);
        parsed.map_err(|refused| refused.to_string())
    }
}

impl PartFlags {
    fn choices(&self) -> impl Iterator<Item = (Place, &Choice)> {
        let choices = [
            (Place::Balancer, &self.balancer),
            (Place::Cache, &self.cache),
            (Place::Queue, &self.queue),
            (Place::Database, &self.database),
        ];
        let choices = choices.into_iter();
        choices.flat_map(|(place, choice)| choice.iter().map(move |choice| (place, choice)))
    }

    /// The parts with those that the flags name.
    pub(crate) fn applied_to(&self, parts: Parts) -> Parts {
        let with =
            |parts: Parts, (place, choice): (Place, &Choice)| parts.with(place, choice.0.clone());
        self.choices().fold(parts, with)
    }

    /// The flags as they are written, each with a space before it and without passwords.
    pub(crate) fn arguments(&self) -> String {
        let flags = self.choices().map(|(place, choice)| {
            let part = choice.0.as_ref().map_or("ours".to_owned(), Real::to_string);
            format!(" --{} {part}", place.name())
        });
        flags.collect()
    }
}

/// The parts that a plan names.
pub(crate) fn check(written: [(Place, Option<Spanned<String>>); 4]) -> Result<Parts, Mistake> {
    let mut parts = Parts::default();
    for (place, text) in written {
        let Some(text) = text else { continue };
        let real = place.parse(text.get_ref());
        let real = real.map_err(|refused| Mistake::at(&text, refused.to_string()))?;
        parts = parts.with(place, real);
    }
    Ok(parts)
}

/// The parts in a few words, such as `nginx as the balancer`.
pub(crate) fn in_words(parts: &Parts) -> impl Iterator<Item = String> {
    parts.all().map(|(place, real)| {
        let part = real.part.name();
        match place {
            Place::Balancer => format!("{part} as the balancer"),
            Place::Cache => format!("{part} as the caches"),
            Place::Queue => format!("{part} as the queue of tasks"),
            Place::Database => format!("{part} behind database and worker"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program;
    use crate::shape::Shape;

    #[test]
    fn flags_take_the_place_of_what_a_plan_says() {
        let source = include_str!("../plans/smoke.toml");
        let source = source.replace(
            "[topology]\n",
            "[topology]\nbalancer = \"nginx\"\nqueue = \"rabbitmq\"\n",
        );
        let plan = program().parse_plan("own.toml", &source).expect("a plan");
        let shape = plan.table::<Shape>();
        assert_eq!(shape.parts.all().count(), 2);
        let flags = PartFlags {
            balancer: Some(Choice(None)),
            cache: Choice::parse(Place::Cache, "redis://me:secret@a:1,redis://b:2").ok(),
            ..PartFlags::default()
        };
        let amended = flags.applied_to(shape.parts.clone());
        let places: Vec<&str> = amended.all().map(|(place, _)| place.name()).collect();
        assert_eq!(places, ["cache", "queue"]);
        assert_eq!(
            flags.arguments(),
            " --balancer ours --cache redis://a:1,redis://b:2"
        );
    }

    #[test]
    fn a_plan_that_names_no_part_is_told_so_with_its_place() {
        let source = include_str!("../plans/smoke.toml");
        let source = source.replace("[topology]\n", "[topology]\nqueue = \"kafka\"\n");
        let refused = program()
            .parse_plan("own.toml", &source)
            .expect_err("no part");
        let message = refused.to_string();
        assert!(
            message.contains("\"kafka\" is none of ours, rabbitmq"),
            "{message}"
        );
        assert!(message.starts_with("own.toml:14:9"), "{message}");
    }
}
