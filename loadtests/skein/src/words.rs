//! Numbers of things in sentences.

/// `1 user`, `2 users`, `no users`: a number with the word that fits it.
pub fn counted(count: u64, one: &str, several: &str) -> String {
    match count {
        0 => format!("no {several}"),
        1 => format!("1 {one}"),
        _ => format!("{count} {several}"),
    }
}

/// A commit as people call it, by its first seven digits.
pub fn short_commit(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

/// With its first letter in upper case, for a text that begins a sentence.
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_not_several() {
        let counted = |count| counted(count, "user", "users");
        assert_eq!([0, 1, 2].map(counted), ["no users", "1 user", "2 users"]);
    }
}
