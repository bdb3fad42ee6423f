//! The text of an expression, such as `2 * shop:orders_total{route=~"/items/.*"} + generator:sent`:
//! a sum of counters, each of a node or of the generator.

use regex::Regex;

/// A sum of counters.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub(super) addends: Vec<Addend>,
}

/// A counter, a number of times.
#[derive(Clone, Debug)]
pub(super) struct Addend {
    pub(super) factor: f64,
    pub(super) counter: Counter,
}

/// A counter: whose it is, what it is called, and which of its labels are meant.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    /// A node, the name that equal nodes share, or [`GENERATOR`].
    pub(super) whose: String,
    pub(super) name: String,
    pub(super) matchers: Vec<Matcher>,
}

/// A condition on one label.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    pub(super) label: String,
    condition: Condition,
    is_negated: bool,
}

#[derive(Clone, Debug)]
enum Condition {
    Is(String),
    Like(Regex),
}

/// The name under which the generator's own counts go.
pub(super) const GENERATOR: &str = "generator";

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// A sentence about the first thing in it that doesn't belong there.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut rest = text.trim();
        let mut sign = 1.0;
        let mut addends = Vec::new();
        loop {
            let (mut addend, behind) = addend(rest)?;
            addend.factor *= sign;
            addends.push(addend);
            rest = behind.trim_start();
            (sign, rest) = match (rest.strip_prefix('+'), rest.strip_prefix('-')) {
                _ if rest.is_empty() => return Ok(Expression { addends }),
                (Some(behind), _) => (1.0, behind.trim_start()),
                (_, Some(behind)) => (-1.0, behind.trim_start()),
                _ => return Err(format!("{rest:?} is not understood; add with + or -")),
            };
        }
    }

    /// True when something is taken away in it.
    pub(super) fn has_minus(&self) -> bool {
        self.addends.iter().any(|addend| addend.factor < 0.0)
    }

    pub(super) fn counters(&self) -> impl Iterator<Item = &Counter> {
        self.addends.iter().map(|addend| &addend.counter)
    }
}

impl Counter {
    pub(super) fn is_of_generator(&self) -> bool {
        self.whose == GENERATOR
    }

    /// True when labels with these values are meant; one that isn't there is empty.
    pub(super) fn means<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        let mut matchers = self.matchers.iter();
        matchers.all(|matcher| matcher.matches(label(&matcher.label).unwrap_or_default()))
    }
}

impl Matcher {
    fn matches(&self, value: &str) -> bool {
        let is_met = match &self.condition {
            Condition::Is(text) => value == text,
            Condition::Like(pattern) => pattern.is_match(value),
        };
        is_met != self.is_negated
    }

    /// The only value that it means, if there is one.
    pub(super) fn only(&self) -> Option<&str> {
        match &self.condition {
            Condition::Is(text) if !self.is_negated => Some(text),
            _ => None,
        }
    }
}

/// `2 * shop:orders_total{…}`, and what comes behind it.
fn addend(text: &str) -> Result<(Addend, &str), String> {
    let (factor, rest) = match text.split_once('*') {
        Some((number, rest)) if text.starts_with(|c: char| c.is_ascii_digit()) => {
            let number = number.trim();
            let factor = number
                .parse()
                .map_err(|_| format!("{number:?} is no number to multiply with"))?;
            (factor, rest.trim_start())
        }
        _ => (1.0, text),
    };
    let (counter, rest) = counter(rest)?;
    Ok((Addend { factor, counter }, rest))
}

fn counter(text: &str) -> Result<(Counter, &str), String> {
    let expected = || {
        format!(
            "{text:?} is no counter; write whose it is and what it is called, such as \
             `shop:requests_total` or `{GENERATOR}:sent`"
        )
    };
    let is_of_node = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let (whose, rest) = word(text, is_of_node);
    let rest = rest.strip_prefix(':').filter(|_| !whose.is_empty());
    let is_of_metric = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
    let (name, rest) = word(rest.ok_or_else(expected)?, is_of_metric);
    if name.is_empty() {
        return Err(expected());
    }
    let (matchers, rest) = match rest.strip_prefix('{') {
        Some(inside) => matchers(inside)?,
        None => (Vec::new(), rest),
    };
    let counter = Counter {
        whose: whose.to_owned(),
        name: name.to_owned(),
        matchers,
    };
    Ok((counter, rest))
}

/// `path=~"/items/.*", status!="500"}`, and what comes behind it.
fn matchers(mut rest: &str) -> Result<(Vec<Matcher>, &str), String> {
    let mut matchers = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix('}') {
            return Ok((matchers, behind));
        }
        let (label, behind) = word(rest, |c| c.is_ascii_alphanumeric() || c == '_');
        let behind = behind.trim_start();
        let operators = [("!=", true), ("!~", true), ("=~", false), ("=", false)];
        let mut operators = operators.into_iter();
        let found = operators.find_map(|(sign, is_negated)| {
            Some((sign.ends_with('~'), is_negated, behind.strip_prefix(sign)?))
        });
        let (is_pattern, is_negated, behind) = found
            .filter(|_| !label.is_empty())
            .ok_or_else(|| format!("{rest:?} is no condition on a label, such as `path=\"/\"`"))?;
        let (value, behind) = quoted(behind.trim_start())?;
        let condition = match is_pattern {
            false => Condition::Is(value),
            // As a whole, like Prometheus.
            true => Regex::new(&format!("^(?:{value})$"))
                .map(Condition::Like)
                .map_err(|_| format!("{value:?} is no regular expression"))?,
        };
        matchers.push(Matcher {
            label: label.to_owned(),
            condition,
            is_negated,
        });
        let behind = behind.trim_start();
        rest = match behind.strip_prefix(',') {
            Some(next) => next,
            None if behind.starts_with('}') => behind,
            None => return Err("the conditions on labels have no end; write `}`".to_owned()),
        };
    }
}

/// A value in quotes, in which a backslash comes before quotes and backslashes.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let unquoted = || format!("{text:?} is no label's value; write it in quotes");
    let inside = text.strip_prefix('"').ok_or_else(unquoted)?;
    let mut value = String::new();
    let mut characters = inside.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &inside[at + 1..])),
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                // A regular expression's own.
                Some((_, other)) => value.extend(['\\', other]),
                None => return Err(unquoted()),
            },
            _ => value.push(character),
        }
    }
    Err(unquoted())
}

fn word(text: &str, is_of_it: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !is_of_it(c)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_expression_adds_counters_with_conditions_on_their_labels() {
        let text = r#"2 * shop-1:orders_total{path=~"/items/\\d+", code!="500"} - generator:sent"#;
        let read = Expression::read(text).expect("an expression");
        assert!(read.has_minus());
        let factors: Vec<f64> = read.addends.iter().map(|addend| addend.factor).collect();
        assert_eq!(factors, [2.0, -1.0]);
        let counters: Vec<&Counter> = read.counters().collect();
        assert_eq!(
            (&*counters[0].whose, &*counters[0].name),
            ("shop-1", "orders_total")
        );
        assert!(counters[1].is_of_generator());
        let means = |path: &'static str, code: Option<&'static str>| {
            counters[0].means(|label| match label {
                "path" => Some(path),
                _ => code,
            })
        };
        assert!(means("/items/7", Some("200")));
        assert!(means("/items/7", None), "a label that isn't there is empty");
        assert!(!means("/items/7", Some("500")));
        assert!(
            !means("/items/7/reviews", Some("200")),
            "all of it is meant"
        );
    }

    #[test]
    fn what_is_no_expression_is_refused_with_what_to_write() {
        for (text, says) in [
            ("", "is no counter"),
            ("sent", "such as `shop:requests_total` or `generator:sent`"),
            ("shop:", "is no counter"),
            ("generator:sent, shop:x", "add with +"),
            ("x * shop:a", "is no counter"),
            ("1e * shop:a", "no number"),
            ("shop:a{b}", "no condition"),
            ("shop:a{b=c}", "in quotes"),
            (r#"shop:a{b="c" d="e"}"#, "no end"),
            (r#"shop:a{b="c"#, "in quotes"),
            (r#"shop:a{b=~"("}"#, "no regular expression"),
        ] {
            let message = Expression::read(text).map(|_| ()).expect_err(text);
            assert!(message.contains(says), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in r#"([a-c]:[a-c]|[0-9*+{}=~!", \\(é-])*"#) {
            let _ = Expression::read(&text);
        }

        #[test]
        fn any_value_is_read_as_it_was_quoted(value in r#"[a-z{},="\\ /é]{0,12}"#) {
            let escaped = value.replace('\\', r"\\").replace('"', "\\\"");
            let text = format!("shop:a{{b=\"{escaped}\"}}");
            let read = Expression::read(&text).expect("an expression");
            let matcher = &read.addends[0].counter.matchers[0];
            prop_assert_eq!(matcher.only(), Some(&*value));
        }
    }
}
