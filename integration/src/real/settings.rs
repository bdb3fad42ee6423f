//! The settings of a service of ours in the file of the part that takes its place: where the
//! file says `<first-byte-timeout|30s>`, it gets the value that the service would have been
//! given, or the one beside it; `in s` demands whole seconds.

use std::time::Duration;

use bytesize::ByteSize;

/// The file with each such place filled; `set` is the value of a flag, where it was set.
pub(super) fn filled(file: &str, set: &dyn Fn(&str) -> Option<String>) -> String {
    let mut parts = file.split('<');
    let before = parts.next().unwrap_or_default().to_owned();
    parts.fold(before, |text, part| {
        let place = part.split_once('>');
        let place = place.and_then(|(place, after)| Some((place.split_once('|')?, after)));
        let ((flag, usual), after) = place.expect("a file of ours closes what it opens");
        let in_seconds = flag.strip_suffix(" in s");
        let finest = match in_seconds {
            Some(_) => Duration::from_secs(1),
            None => Duration::from_millis(1),
        };
        let value = set(in_seconds.unwrap_or(flag));
        let value = value.map(|value| in_their_words(&value, finest));
        text + value.as_deref().unwrap_or(usual) + after
    })
}

/// A value as the servers of others understand it: a time in whole seconds or in milliseconds,
/// and at least the `finest`; a size in bytes; and anything else as it is.
fn in_their_words(value: &str, finest: Duration) -> String {
    match (humantime::parse_duration(value), value.parse::<ByteSize>()) {
        (Ok(time), _) => match time.max(finest) {
            time if time < Duration::from_secs(1) => format!("{}ms", time.as_millis()),
            time => format!("{}s", time.as_secs_f64().ceil()),
        },
        (_, Ok(size)) => size.as_u64().to_string(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_written_in_the_words_of_others_and_else_the_usual_one_is() {
        let set = |flag: &str| match flag {
            "pause" => Some("1m 30s".to_owned()),
            "wait" => Some("100ms".to_owned()),
            "most" => Some("2KiB".to_owned()),
            "times" => Some("3".to_owned()),
            _ => None,
        };
        let file = "a <pause|1s>; <wait|2s>; <most|1m>; <times|5>; <wait in s|9s>; <other|30s>;";
        let filled = filled(file, &set);
        assert_eq!(filled, "a 90s; 100ms; 2048; 3; 1s; 30s;");
    }
}
