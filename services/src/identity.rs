//! The proof that a node is the one that its harness started. Both know the run's nonce,
//! and neither shows the whole of it to whoever happens to be at the other end: the asker
//! shows one half, and only that is answered with the other.

use http::{HeaderMap, HeaderValue};

use crate::contract::NONCE;

/// The head of a question for the identity of a node of the run with this `nonce`.
pub fn question(nonce: &str) -> HeaderMap {
    let (asked, _) = halves(nonce);
    let value = HeaderValue::from_str(asked).ok();
    let value = value.filter(|_| !asked.is_empty());
    value.map(|value| (NONCE, value)).into_iter().collect()
}

/// The answer of a node with this `nonce`: half of it for an asker who knows the other
/// half, and nothing for anybody else.
pub fn answer<'a>(nonce: &'a str, question: &HeaderMap) -> &'a str {
    let (asked, answered) = halves(nonce);
    let mut questions = question.get_all(NONCE).iter();
    match (questions.next(), questions.next()) {
        (Some(question), None) if !asked.is_empty() && question == asked => answered,
        _ => "",
    }
}

/// True when `answer` is that of a node with this `nonce`. Nodes of earlier builds, which a
/// gate may start as its baseline, answer with the whole of it.
pub fn is_proven(nonce: &str, answer: &str) -> bool {
    let (_, answered) = halves(nonce);
    !answer.is_empty() && (answer == answered || answer == nonce)
}

fn halves(nonce: &str) -> (&str, &str) {
    let mut middle = nonce.len() / 2;
    while !nonce.is_char_boundary(middle) {
        middle -= 1;
    }
    nonce.split_at(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE_OF_A_RUN: &str = "0123456789abcdef";

    #[test]
    fn who_knows_the_nonce_recognises_the_node() {
        let answer = answer(NONCE_OF_A_RUN, &question(NONCE_OF_A_RUN));
        assert_eq!(answer, "89abcdef");
        assert!(is_proven(NONCE_OF_A_RUN, answer));
        assert!(
            is_proven(NONCE_OF_A_RUN, NONCE_OF_A_RUN),
            "an earlier build"
        );
    }

    #[test]
    fn a_stranger_is_told_nothing_and_proves_nothing() {
        for asked in ["", "0", "01234567 ", "89abcdef", NONCE_OF_A_RUN] {
            let headers = HeaderMap::from_iter([(NONCE, asked.parse().expect("header text"))]);
            assert_eq!(answer(NONCE_OF_A_RUN, &headers), "", "{asked:?}");
        }
        assert_eq!(answer(NONCE_OF_A_RUN, &HeaderMap::new()), "");
        let mut twice = question(NONCE_OF_A_RUN);
        twice.append(NONCE, HeaderValue::from_static("01234567"));
        assert_eq!(answer(NONCE_OF_A_RUN, &twice), "");
        // One who only repeats the question is not the node.
        for answer in ["", "01234567", "89abcde"] {
            assert!(!is_proven(NONCE_OF_A_RUN, answer), "{answer:?}");
        }
    }

    #[test]
    fn a_node_without_a_nonce_answers_nobody_and_nobody_asks() {
        assert!(question("").is_empty());
        assert_eq!(answer("", &question("")), "");
        assert_eq!(answer("é", &question("é")), "");
        assert!(!is_proven("", ""));
    }
}
