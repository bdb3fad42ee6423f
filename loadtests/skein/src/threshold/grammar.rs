//! Reads a rule. Goose's parser decides what is a rule of its own.

use super::{Metric, Operator, Threshold, Unit};
use crate::figure::Figure;

/// A text that is no rule.
#[derive(Debug, thiserror::Error)]
#[error("threshold {rule:?}: {reason}")]
pub struct InvalidThreshold {
    rule: String,
    reason: String,
}

impl InvalidThreshold {
    /// The reason why it is none.
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

impl Threshold {
    /// Reads a rule, which may be about one of the program's `figures`.
    ///
    /// # Errors
    ///
    /// It is no rule, or none that can ever hold.
    pub(crate) fn read(text: &str, figures: &[Figure]) -> Result<Self, InvalidThreshold> {
        let rule = text.trim();
        let invalid = |reason: &str| InvalidThreshold {
            rule: rule.to_owned(),
            reason: reason.to_owned(),
        };
        let (name, operator, limit, subject) =
            split(rule).ok_or_else(|| invalid("write <metric><op><limit>, such as p95<500ms"))?;
        let metric = match Metric::own(name, figures) {
            Some(metric) => metric,
            None => goose_metric(rule, name, figures).map_err(|reason| invalid(&reason))?,
        };
        let unit = metric.unit(figures);
        let limit = parse_limit(limit, unit)
            .ok_or_else(|| invalid(&format!("{limit:?} is no limit for {name}")))?;
        let threshold = Threshold {
            rule: rule.to_owned(),
            metric,
            operator,
            unit,
            limit,
            subject: subject.map(str::to_owned),
        };
        threshold.refuse_the_impossible().map_err(invalid)?;
        Ok(threshold)
    }

    /// A rule that no value can meet is a slip of the pen. (Goose refuses its own.)
    fn refuse_the_impossible(&self) -> Result<(), &'static str> {
        match (self.metric.is_own(), self.operator) {
            (true, Operator::Less) if self.limit == 0.0 => {
                Err("it can never pass: nothing is below 0")
            }
            (true, Operator::Greater) if self.unit == Unit::Percent && self.limit >= 100.0 => {
                Err("it can never pass: nothing is above 100 %")
            }
            _ => Ok(()),
        }
    }
}

/// `p99<=2s for GET /x` → `p99`, `<=`, `2s`, `GET /x`.
fn split(rule: &str) -> Option<(&str, Operator, &str, Option<&str>)> {
    let at = rule.find(['<', '>'])?;
    let (name, rest) = rule.split_at(at);
    let (operator, rest) = Operator::read(rest)?;
    let (limit, subject) = match rest.split_once(" for ") {
        Some((limit, subject)) => (limit, Some(subject.trim())),
        None => (rest, None),
    };
    Some((name.trim(), operator, limit.trim(), subject))
}

/// The metric of one of Goose's rules, or Goose's own words on why it is none.
fn goose_metric(rule: &str, name: &str, figures: &[Figure]) -> Result<Metric, String> {
    use goose::GooseError;
    use goose::threshold::Threshold as GooseThreshold;

    match rule.parse::<GooseThreshold>() {
        Ok(_) => Ok(match name {
            "avg" => Metric::Average,
            "max" => Metric::Maximum,
            "error-rate" => Metric::ErrorRate,
            "rps" => Metric::RequestsPerSecond,
            _ => name
                .strip_prefix('p')
                .and_then(|percent| percent.parse().ok())
                .map(Metric::Percentile)
                .ok_or_else(|| {
                    format!("{name:?} is a metric of Goose's that Skein doesn't know")
                })?,
        }),
        Err(GooseError::InvalidOption { detail, .. }) => {
            let (_, reason) = detail.split_once("\": ").unwrap_or(("", &detail));
            let own = Metric::own_names(figures);
            let reason = reason.replace(" or rps.", &format!(", rps, {own}."));
            Err(reason.trim_end_matches('.').to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn parse_limit(text: &str, unit: Unit) -> Option<f64> {
    let (number, scale) = match unit {
        Unit::Microseconds => [("us", 1.0), ("ms", 1e3), ("s", 1e6)]
            .into_iter()
            .find_map(|(suffix, scale)| Some((text.strip_suffix(suffix)?, scale)))
            // Goose reads a bare number as milliseconds.
            .unwrap_or((text, 1e3)),
        Unit::Percent => (text.strip_suffix('%').unwrap_or(text), 1.0),
        Unit::PerSecond | Unit::Count => (text, 1.0),
    };
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let limit = number.parse::<f64>().ok().filter(|_| plain)? * scale;
    (unit != Unit::Percent || limit <= 100.0).then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Statistic;

    const FIGURES: [Figure; 2] = [
        Figure::new("fresh-ratio", Unit::Percent, "fresh answers").better_high(),
        Figure::new("orders-lost", Unit::Count, "orders lost"),
    ];

    fn parsed(rule: &str) -> Threshold {
        Threshold::read(rule, &FIGURES).expect(rule)
    }

    #[test]
    fn gooses_rules_are_read_as_goose_reads_them() {
        let rule = parsed("p99.9 <= 1.5s for GET /items/{key}");
        assert_eq!(rule.metric, Metric::Percentile(99.9));
        assert_eq!(rule.operator, Operator::AtMost);
        assert_eq!(rule.limit, 1_500_000.0);
        assert_eq!(rule.subject.as_deref(), Some("GET /items/{key}"));
        assert_eq!(
            parsed("avg<5").limit,
            5000.0,
            "a bare time is in milliseconds"
        );
        assert_eq!(parsed("error-rate<0.1%").limit, 0.1);
        assert_eq!(parsed("rps>=200").operator, Operator::AtLeast);
    }

    #[test]
    fn topology_rules_have_the_same_grammar() {
        let rule = parsed("cpu-per-request<2ms for shop");
        assert_eq!(rule.metric, Metric::CpuPerRequest);
        assert_eq!(rule.limit, 2000.0);
        assert_eq!(parsed("fresh-ratio>=80%").limit, 80.0);
        assert_eq!(
            parsed("orders-lost<=1").metric,
            Metric::Named("orders-lost")
        );
        let rule = parsed("unsent<=0.5% for peak");
        assert_eq!((rule.metric, rule.limit), (Metric::Unsent, 0.5));
        assert_eq!(rule.subject.as_deref(), Some("peak"));
        assert_eq!(parsed("late<5").metric, Metric::Late);
    }

    #[test]
    fn what_users_count_and_measure_has_statistics_by_the_end_of_its_name() {
        let figures = [
            Figure::counted("orders", ""),
            Figure::measured("queue-wait", Unit::Microseconds, ""),
        ];
        let read = |rule: &str| Threshold::read(rule, &figures);
        let metric = |rule: &str| read(rule).expect(rule).metric;
        assert_eq!(
            metric("orders>=9"),
            Metric::Measured("orders", Statistic::Sum)
        );
        let rate = read("orders-rate>=0.5").expect("a rule");
        assert_eq!((rate.unit, rate.limit), (Unit::PerSecond, 0.5));
        let wait = read("queue-wait-p99.9<5ms").expect("a rule");
        assert_eq!(
            wait.metric,
            Metric::Measured("queue-wait", Statistic::Percentile(99.9))
        );
        assert_eq!(wait.limit, 5_000.0);
        for rule in [
            "queue-wait<5ms",
            "queue-wait-p100<5ms",
            "orders-p99<1",
            "orders-rat>1",
        ] {
            let message = read(rule).expect_err(rule).to_string();
            assert!(message.contains("orders"), "{rule}: {message}");
        }
    }

    #[test]
    fn what_is_no_rule_or_can_never_pass_is_refused_with_the_reason() {
        for (rule, says) in [
            ("", "<metric><op><limit>"),
            ("p99", "<metric><op><limit>"),
            ("p100<1s", "percentile"),
            ("speed<1", "fresh-ratio"),
            ("p99<fast", "not a time"),
            ("p99<0", "never pass"),
            ("orders-lost<0", "never pass"),
            ("unsent<0%", "never pass"),
            ("late>100%", "never pass"),
            (
                "sent<1",
                "unsent, late, cpu-per-request, resumed, requests-per-connection, fresh-ratio",
            ),
            ("fresh-ratio>100%", "never pass"),
            ("fresh-ratio>=120%", "no limit"),
            ("orders-lost<=1e3", "no limit"),
        ] {
            let error = Threshold::read(rule, &FIGURES).expect_err(rule);
            let message = error.to_string();
            assert!(message.contains(says), "{rule}: {message}");
        }
    }
}
