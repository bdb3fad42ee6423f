//! The tables `[capacity]`, `[variant.NAME]` and `[relief.ROLE]` of a plan.

use std::ops::Range;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::capacity::{CapacitySettings, RELIEF, Relief, VARIANT, Variant};
use super::file::wrong_form;
use super::mistake::{Mistake, within};
use super::span::{Span, lasting};
use super::{InvalidPlan, Plan};
use crate::arrivals::Spacing;
use crate::capacity::Promise;
use crate::text::printable;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CapacityFile {
    promise: Option<Spanned<Vec<String>>>,
    slot: Option<Spanned<Span>>,
    lead: Option<Spanned<Span>>,
    warm_up: Option<Spanned<Span>>,
    users: Option<Spanned<usize>>,
    open_users: Option<Spanned<usize>>,
    arrivals: Option<Spacing>,
    share_cores: Option<bool>,
}

impl CapacityFile {
    /// The promise, and where it is.
    pub(super) fn promised(&self) -> Result<Option<(Range<usize>, Promise)>, Mistake> {
        let Some(rules) = &self.promise else {
            return Ok(None);
        };
        let promise = Promise::of(rules.get_ref());
        let promise = promise.map_err(|error| Mistake::at(rules, error.to_string()))?;
        Ok(Some((rules.span(), promise)))
    }

    pub(super) fn check(self) -> Result<CapacitySettings, Mistake> {
        let usual = CapacitySettings::default();
        let promise = self.promised()?.map(|(_, promise)| promise);
        Ok(CapacitySettings {
            promise,
            slot: lasting(self.slot, 200..=10_000, usual.slot, "a slot")?,
            lead: lasting(self.lead, 0..=10_000, usual.lead, "the lead of a slot")?,
            warm_up: lasting(self.warm_up, 0..=60_000, usual.warm_up, "the warm-up")?,
            users: within(self.users, 1..=1000, usual.users, "`users`")?,
            open_users: within(
                self.open_users,
                1..=10_000,
                usual.open_users,
                "`open_users`",
            )?,
            spacing: self.arrivals.unwrap_or(usual.spacing),
            share_cores: self.share_cores.unwrap_or(usual.share_cores),
        })
    }
}

/// The variants and reliefs of a plan, as they are written, which are plans themselves when
/// the plan is one.
#[derive(Default)]
pub(super) struct VariantTables {
    variants: Vec<(Spanned<String>, Table)>,
    reliefs: Vec<(Spanned<String>, Table)>,
}

impl VariantTables {
    /// Takes the tables out of a plan.
    pub(super) fn take(plan: &mut DeTable<'_>, source: &str) -> Result<Self, Mistake> {
        let whole: Table = source.parse().map_err(|error| wrong_form(&error, source))?;
        let mut take = |name: &str| -> Result<Vec<_>, Mistake> {
            let Some(written) = plan.remove(name) else {
                return Ok(Vec::new());
            };
            let at = written.span();
            let DeValue::Table(tables) = written.into_inner() else {
                let sentence = format!("write a table for each: [{name}.NAME]");
                return Err(Mistake::at(&Spanned::new(at, ()), sentence));
            };
            let mut named = Vec::new();
            for key in tables.keys() {
                let key = Spanned::new(key.span(), key.get_ref().to_string());
                let Some(Value::Table(table)) = whole[name].get(key.get_ref()) else {
                    return Err(Mistake::at(
                        &key,
                        format!("write a table: [{name}.{}]", key.get_ref()),
                    ));
                };
                named.push((key, table.clone()));
            }
            // As they are written: tables are sorted by their names.
            named.sort_by_key(|(key, _): &(Spanned<String>, Table)| key.span().start);
            Ok(named)
        };
        Ok(VariantTables {
            variants: take(VARIANT)?,
            reliefs: take(RELIEF)?,
        })
    }

    /// The variants and reliefs of `plan`, each of which is a plan by itself.
    pub(super) fn check(self, plan: &Plan) -> Result<(Vec<Variant>, Vec<Relief>), Mistake> {
        let mut variants = Vec::new();
        for (key, mut table) in self.variants {
            let name = printable(key.get_ref()).into_owned();
            let pattern = take_text(&key, &mut table, "pattern")?;
            let about = take_text(&key, &mut table, "about")?;
            let replicas = take_replicas(&key, &mut table)?;
            if table.is_empty() {
                return Err(Mistake::at(
                    &key,
                    "a variant has something in another way than its plan, such as topology = { … } or node.NAME.env = { … }",
                ));
            }
            let variant = Variant {
                pattern: pattern.unwrap_or_else(|| name.clone()),
                name,
                about,
                replicas,
                overlay: table,
            };
            sensible(plan.varied(&variant), &key)?;
            variants.push(variant);
        }
        let topology = plan.topology();
        let mut reliefs = Vec::new();
        for (key, overlay) in self.reliefs {
            let role = key.get_ref().clone();
            let known = |role: &str| topology.iter().any(|t| t.named(role).next().is_some());
            if !known(&role) {
                return Err(Mistake::at(
                    &key,
                    format!("no service or node is called {role:?}"),
                ));
            }
            let relief = Relief { role, overlay };
            sensible(plan.relieved(&relief), &key)?;
            reliefs.push(relief);
        }
        Ok((variants, reliefs))
    }
}

/// Refuses what makes no plan, at the table that it is written in: laid over each other, the
/// two have other lines than the file.
fn sensible(varied: Result<Plan, InvalidPlan>, key: &Spanned<String>) -> Result<(), Mistake> {
    let wrong = |error: InvalidPlan| {
        let sentence = error.sentence();
        Mistake::at(
            key,
            format!("with this, the plan would be none: {sentence}"),
        )
    };
    varied.map(drop).map_err(wrong)
}

fn take_text(
    key: &Spanned<String>,
    table: &mut Table,
    name: &str,
) -> Result<Option<String>, Mistake> {
    match table.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.trim().is_empty() => {
            Ok(Some(printable(&text).into_owned()))
        }
        Some(_) => Err(Mistake::at(key, format!("`{name}` is a text"))),
    }
}

fn take_replicas(key: &Spanned<String>, table: &mut Table) -> Result<Option<u32>, Mistake> {
    match table.remove("replicas") {
        None => Ok(None),
        Some(Value::Integer(number @ 1..=1000)) => Ok(Some(number as u32)),
        Some(_) => Err(Mistake::at(key, "`replicas` is between 1 and 1000")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::parse_file;

    fn plan(rest: &str) -> Result<Plan, String> {
        let plan = format!(
            "name = \"g\"\nthresholds = []\n[[stage]]\nname = \"s\"\nusers = 1\nduration = \"1s\"\n\
             [mix]\nbrowsers = 1\n{rest}"
        );
        parse_file("g.toml", &plan).map_err(|error| error.to_string())
    }

    #[test]
    fn a_plan_has_a_promise_and_settings_of_slots() {
        let table = "[capacity]\npromise = [\"p99<50ms\", \"error-rate<1%\"]\nslot = \"500ms\"\narrivals = \"constant\"";
        let settings = plan(table).expect("valid").capacity;
        let promise = settings.promise.expect("there");
        assert_eq!(promise.to_string(), "p99<50ms, error-rate<1%");
        assert_eq!(settings.slot, Duration::from_millis(500));
        assert_eq!(settings.spacing, Spacing::Constant);
        assert_eq!(
            plan("").expect("valid").capacity,
            CapacitySettings::default()
        );
    }

    #[test]
    fn variants_come_in_the_order_in_which_they_are_written() {
        let variant =
            |name| format!("[variant.{name}]\npattern = \"load\"\nmix = {{ browsers = 7 }}\n");
        let plan = plan(&["two", "one", "three"].map(variant).concat()).expect("valid");
        let names = plan.variants.iter().map(|variant| variant.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["two", "one", "three"]);
    }

    #[test]
    fn a_variant_is_the_plan_with_some_of_it_in_another_way() {
        let table = "[variant.busier]\npattern = \"load\"\nreplicas = 2\nmix = { browsers = 7 }\n";
        let plan = plan(table).expect("valid");
        let variant = &plan.variants[0];
        assert_eq!(
            (variant.pattern.as_str(), variant.replicas),
            ("load", Some(2))
        );
        let varied = plan.varied(variant).expect("a plan");
        assert_eq!(varied.mix.weight("browsers"), 7);
        assert_eq!(varied.stages, plan.stages);
        assert!(varied.variants.is_empty(), "a variant has none of its own");
    }

    #[test]
    fn nonsense_is_refused_where_it_is() {
        for (table, place, says) in [
            ("[capacity]\nslot = \"1m\"", "10:8", "from 200 to 10000 ms"),
            (
                "[capacity]\npromise = [\"avg<1s\"]",
                "10:11",
                "a share of requests may break",
            ),
            (
                "[capacity]\npromise = [\"p99<1s for GET /x\"]",
                "10:11",
                "sends no",
            ),
            ("[variant]\nx = 1", "10:1", "write a table: [variant.x]"),
            (
                "[variant.x]\npattern = \"p\"",
                "9:10",
                "something in another way",
            ),
            (
                "[variant.x]\nmix = { nobody = 1 }",
                "9:10",
                "no scenario is called \"nobody\"",
            ),
            (
                "[variant.x]\nreplicas = 0\nmix = { browsers = 1 }",
                "9:10",
                "between 1 and 1000",
            ),
            (
                "[relief.nobody]\nmix = { browsers = 2 }",
                "9:9",
                "no service or node is called",
            ),
        ] {
            let message = plan(table).expect_err(table);
            assert!(
                message.starts_with(&format!("g.toml:{place}: ")),
                "{message}"
            );
            assert!(message.contains(says), "{message}");
        }
    }
}
