//! The TOML form of `[[ledger]]` and `[figure.NAME]`, and the check that they make sense for
//! a system.

use harness::Topology;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::expression::{Counter, Expression, GENERATOR};
use super::reading::OF_GENERATOR;
use super::{Allowance, Claim, Equations, Formula, Term};
use crate::figure::Figure;
use crate::plan::Mistake;
use crate::threshold::{self, Unit};

const LEDGER: &str = "ledger";
const FIGURE: &str = "figure";

/// The members of `[[ledger]]` that allow differences.
const ALLOWANCES: [(&str, Allowance); 4] = [
    ("but_for", Allowance::ButFor),
    ("up_to", Allowance::UpTo),
    ("and_up_to", Allowance::AndUpTo),
    ("give_or_take", Allowance::GiveOrTake),
];

/// The equations of a file as they are written, which make sense only for a system.
#[derive(Debug, Default)]
pub(crate) struct Written {
    lines: Vec<Spanned<Claim>>,
    formulas: Vec<Spanned<Formula>>,
    /// Every expression, and where it is.
    expressions: Vec<Spanned<Expression>>,
}

impl Written {
    /// The tables in which equations are.
    pub(crate) const TABLES: [&str; 2] = [LEDGER, FIGURE];

    /// Takes the equations out of a file.
    ///
    /// # Errors
    ///
    /// The first thing in them that isn't understood, with its place.
    pub(crate) fn take(file: &mut DeTable<'_>) -> Result<Self, Mistake> {
        let mut written = Written::default();
        if let Some(ledger) = file.remove(LEDGER) {
            let DeValue::Array(lines) = ledger.get_ref() else {
                return Err(Mistake::at(
                    &ledger,
                    "write [[ledger]] for each line of the ledger",
                ));
            };
            for line in lines.iter() {
                let claim = written.claim(line)?;
                let is_same = |other: &Spanned<Claim>| other.get_ref().claim == claim.claim;
                if written.lines.iter().any(is_same) {
                    return Err(Mistake::at(
                        line,
                        "the ledger has a line with this claim already",
                    ));
                }
                written.lines.push(Spanned::new(line.span(), claim));
            }
        }
        if let Some(figures) = file.remove(FIGURE) {
            let DeValue::Table(figures) = figures.get_ref() else {
                return Err(Mistake::at(&figures, "write [figure.NAME] for each figure"));
            };
            for (name, figure) in in_order(figures) {
                let formula = written.formula(name, figure)?;
                written.formulas.push(Spanned::new(name.span(), formula));
            }
        }
        Ok(written)
    }

    /// The equations, checked against the system that they are about.
    ///
    /// # Errors
    ///
    /// A counter of a node that there isn't, or that shows none, with its place.
    pub(crate) fn check(self, topology: Option<&Topology>) -> Result<Equations, Mistake> {
        for expression in &self.expressions {
            for counter in expression.get_ref().counters() {
                known(counter, topology).map_err(|sentence| Mistake::at(expression, sentence))?;
            }
        }
        Ok(Equations {
            lines: self.lines.into_iter().map(Spanned::into_inner).collect(),
            formulas: self.formulas.into_iter().map(Spanned::into_inner).collect(),
        })
    }

    /// The values of `route` that the generator's counts are asked for, and where.
    pub(crate) fn routes(&self) -> impl Iterator<Item = Spanned<&str>> {
        self.expressions.iter().flat_map(|expression| {
            let counters = expression.get_ref().counters();
            let matchers = counters
                .filter(|counter| counter.is_of_generator())
                .flat_map(|counter| &counter.matchers);
            let routes = matchers.filter(|matcher| matcher.label == "route");
            let routes = routes.filter_map(|matcher| matcher.only());
            routes.map(|route| Spanned::new(expression.span(), route))
        })
    }

    fn claim(&mut self, line: &Spanned<DeValue<'_>>) -> Result<Claim, Mistake> {
        let mut claim = None;
        let mut of = None;
        let mut is = Vec::new();
        let mut differences = Vec::new();
        let mut starts_absent = false;
        let DeValue::Table(members) = line.get_ref() else {
            return Err(Mistake::at(
                line,
                "write [[ledger]] for each line of the ledger",
            ));
        };
        for (name, value) in in_order(members) {
            let allowance = ALLOWANCES.iter().find(|(known, _)| name.get_ref() == known);
            match (name.get_ref().as_ref(), allowance) {
                ("claim", _) => claim = Some(text(value)?),
                ("of", _) => of = Some((value, self.terms(value)?)),
                ("is", _) => is = self.terms(value)?,
                ("starts_absent", _) => starts_absent = yes_or_no(value)?,
                (_, Some((_, allowance))) => {
                    let terms = self.terms(value)?.into_iter();
                    differences.extend(terms.map(|term| (*allowance, term)));
                }
                _ => {
                    let known =
                        "claim, of, is, but_for, up_to, and_up_to, give_or_take and starts_absent";
                    return Err(unknown(name, &format!("a line of the ledger has {known}")));
                }
            }
        }
        let missing = |what| Mistake::at(line, format!("this line of the ledger has no `{what}`"));
        let (place, mut of) = of.ok_or_else(|| missing("of"))?;
        if of.len() != 1 {
            let sentence = "one thing is accounted for; add counters within it with +";
            return Err(Mistake::at(place, sentence));
        }
        if is.is_empty() {
            return Err(missing("is"));
        }
        Ok(Claim {
            claim: claim.ok_or_else(|| missing("claim"))?,
            of: of.remove(0),
            is,
            differences,
            starts_absent,
        })
    }

    /// Terms by their names; or one alone, whose text is its name.
    fn terms(&mut self, value: &Spanned<DeValue<'_>>) -> Result<Vec<Term>, Mistake> {
        let DeValue::Table(members) = value.get_ref() else {
            let expression = self.expression(value)?;
            let name = text(value)?;
            return plus(value, expression).map(|expression| vec![Term { name, expression }]);
        };
        let terms = in_order(members).into_iter().map(|(name, value)| {
            let expression = self.expression(value)?;
            Ok(Term {
                name: name.get_ref().to_string(),
                expression: plus(value, expression)?,
            })
        });
        terms.collect()
    }

    fn formula(
        &mut self,
        name: &Spanned<impl AsRef<str>>,
        figure: &Spanned<DeValue<'_>>,
    ) -> Result<Formula, Mistake> {
        let (mut value, mut per, mut unit) = (None, None, Unit::Count);
        let (mut label, mut more_is_better, mut starts_absent) = (None, false, false);
        let DeValue::Table(members) = figure.get_ref() else {
            return Err(Mistake::at(figure, "write [figure.NAME] for each figure"));
        };
        for (member, written) in in_order(members) {
            match member.get_ref().as_ref() {
                "value" => value = Some(self.expression(written)?),
                "per" => per = Some(self.expression(written)?),
                "unit" => unit = unit_called(written)?,
                "label" => label = Some(text(written)?),
                "more_is_better" => more_is_better = yes_or_no(written)?,
                "starts_absent" => starts_absent = yes_or_no(written)?,
                _ => {
                    let known = "value, per, unit, label, more_is_better and starts_absent";
                    return Err(unknown(member, &format!("a figure has {known}")));
                }
            }
        }
        let called = name.get_ref().as_ref();
        threshold::free_name(called).map_err(|sentence| Mistake::at(name, sentence))?;
        // As with routes: a plan has few, and many hold them.
        let kept = |text: &str| -> &'static str { Box::leak(text.into()) };
        let mut figure = Figure::new(kept(called), unit, "");
        if let Some(label) = label {
            figure = figure.labelled(kept(&label));
        }
        if more_is_better {
            figure = figure.better_high();
        }
        Ok(Formula {
            figure,
            value: value.ok_or_else(|| Mistake::at(name, "this figure has no `value`"))?,
            per,
            starts_absent,
        })
    }

    fn expression(&mut self, value: &Spanned<DeValue<'_>>) -> Result<Expression, Mistake> {
        let read = Expression::read(&text(value)?);
        let expression = read.map_err(|sentence| Mistake::at(value, sentence))?;
        self.expressions
            .push(Spanned::new(value.span(), expression.clone()));
        Ok(expression)
    }
}

/// The expression, in which nothing is taken away.
fn plus(at: &Spanned<DeValue<'_>>, expression: Expression) -> Result<Expression, Mistake> {
    match expression.has_minus() {
        true => Err(Mistake::at(
            at,
            "the ledger takes nothing away; name it on the other side, or as a difference with `but_for`",
        )),
        false => Ok(expression),
    }
}

/// Refuses a counter that nobody could ever see.
fn known(counter: &Counter, topology: Option<&Topology>) -> Result<(), String> {
    let Counter { whose, name, .. } = counter;
    if whose == GENERATOR {
        let words = OF_GENERATOR.map(|(word, _)| word).join(", ");
        let known = OF_GENERATOR.iter().find(|(word, _)| word == name);
        let (_, labels) = known.ok_or_else(|| {
            format!("the generator counts nothing called {name:?}; it counts {words}")
        })?;
        let mut matchers = counter.matchers.iter();
        let unknown = matchers.find(|matcher| !labels.contains(&&*matcher.label));
        return unknown.map_or(Ok(()), |matcher| {
            let labels = labels.join(" and ");
            Err(format!(
                "{GENERATOR}:{name} is counted by {labels}, and not by {}",
                matcher.label
            ))
        });
    }
    let Some(topology) = topology else {
        return Err(format!(
            "nobody can see what {whose} counts, for this plan has no system; describe it in [node.{whose}]"
        ));
    };
    let mut nodes = topology.named(whose).peekable();
    if nodes.peek().is_none() {
        let names: Vec<&str> = topology
            .nodes()
            .iter()
            .map(|node| node.name.as_str())
            .collect();
        return Err(format!(
            "no node is called {whose:?}; there are {GENERATOR}, {}",
            names.join(", ")
        ));
    }
    match nodes.find(|node| node.counters.is_none()) {
        Some(node) => Err(format!(
            "{} shows no counters; say where they are, such as `counters = \"/metrics\"`",
            node.name
        )),
        None => Ok(()),
    }
}

/// The members of a table in the order in which they are written.
fn in_order<'a, 'i>(
    table: &'a DeTable<'i>,
) -> Vec<(
    &'a Spanned<toml::de::DeString<'i>>,
    &'a Spanned<DeValue<'i>>,
)> {
    let mut members: Vec<_> = table.iter().collect();
    members.sort_by_key(|(name, _)| name.span().start);
    members
}

fn text(value: &Spanned<DeValue<'_>>) -> Result<String, Mistake> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        _ => Err(Mistake::at(value, "write a text in quotes")),
    }
}

fn yes_or_no(value: &Spanned<DeValue<'_>>) -> Result<bool, Mistake> {
    match value.get_ref() {
        DeValue::Boolean(is_so) => Ok(*is_so),
        _ => Err(Mistake::at(value, "write true or false")),
    }
}

fn unit_called(value: &Spanned<DeValue<'_>>) -> Result<Unit, Mistake> {
    match text(value)?.as_str() {
        "count" => Ok(Unit::Count),
        "percent" => Ok(Unit::Percent),
        "seconds" => Ok(Unit::Microseconds),
        _ => {
            let sentence =
                "a figure's unit is \"count\", \"percent\" (of `value` in `per`) or \"seconds\"";
            Err(Mistake::at(value, sentence))
        }
    }
}

fn unknown(name: &Spanned<impl AsRef<str>>, known: &str) -> Mistake {
    Mistake::at(
        name,
        format!("`{}` is not known here; {known}", name.get_ref().as_ref()),
    )
}
