//! The names that placeholders may have, and what each stands for.

/// The names that a placeholder in braces may have.
pub trait Names {
    /// The place of a name's value among all values.
    fn place(&self, name: &str) -> Option<usize>;

    /// True when braces around this text can only be meant as a placeholder, even if nobody
    /// is called so.
    fn can_be(&self, name: &str) -> bool {
        is_name(name)
    }

    /// The way to give a value to a name that has none, as an order.
    fn remedy(&self, name: &str) -> String {
        format!(
            "give it values in a plan's file, such as `[values.{name}]` with `from = 1` and `to = 100`"
        )
    }
}

/// True when a value can have this name: letters, digits, `-` and `_`, of which the first is
/// a letter or `_`. Braces around anything else are text.
pub fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(is_part)
}

#[cfg(test)]
impl<const N: usize> Names for [&str; N] {
    fn place(&self, name: &str) -> Option<usize> {
        self.iter().position(|known| *known == name)
    }
}
