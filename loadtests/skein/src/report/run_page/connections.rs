//! Connections on the page of a run: how many, what each phase took, and what went over them.

use maud::{Markup, html};

use super::percentiles::percentiles;
use crate::record::{ConnectionsRecord, Record};
use crate::report::figures::{count, known, mebibytes, parts, percent};
use crate::report::layout::scroll;

/// The section about connections; nothing in records of earlier programs.
pub(super) fn connections(record: &Record) -> Markup {
    html! {
        @if let Some(connections) = &record.connections {
            section #connections {
                h2 { "Connections" }
                (scroll("Connections", &counts(connections)))
                (scroll("Phases of connections and requests", &phases(record, connections)))
                p.small.soft {
                    "Connections of the whole run, warm-up too, for that is when most are opened; bytes and first bytes are "
                    "those of the judged stages. The time to connect is from the server’s name to a TCP connection, and what "
                    "TLS takes comes on top. Both are times of connections. A request that had to open one has them "
                    "in its own time, as it has its wait for a stream. Bytes are what the network sees, with what TLS and HTTP add."
                }
            }
        }
    }
}

fn counts(connections: &ConnectionsRecord) -> Markup {
    let settings = &connections.settings;
    let handshakes = connections.full_handshakes + connections.resumed_handshakes;
    let resumed = connections.resumed_handshakes;
    html! {
        table {
            thead { tr {
                th scope="col" { "Agreed on" }
                th scope="col" .n { "Opened" }
                th scope="col" .n { "Requests for each" }
                th scope="col" .n { "Users for each" }
                @if handshakes > 0 {
                    th scope="col" .n { "Handshakes resumed" }
                    th scope="col" { "TLS sessions" }
                }
                @if connections.stream_waits > 0 { th scope="col" .n { "Waited for a stream" } }
                th scope="col" .n { "Sent" }
                th scope="col" .n { "Received" }
            } }
            tbody { tr {
                th scope="row" {
                    (connections.language().unwrap_or_else(|| "nothing".to_owned()))
                    @if settings.insecure && handshakes > 0 { div.small.soft { "certificates not checked" } }
                }
                td.n { (count(connections.count())) }
                td.n { (known(connections.requests_per_connection, parts)) }
                td.n { (count(settings.users as u64)) }
                @if handshakes > 0 {
                    td.n {
                        (count(resumed)) " of " (count(handshakes))
                        div.small.soft { (percent(resumed as f64 / handshakes as f64 * 100.0)) }
                    }
                    td { (settings.sessions) }
                }
                @if connections.stream_waits > 0 { td.n { (count(connections.stream_waits)) } }
                td.n { (mebibytes(connections.bytes_sent)) }
                td.n { (mebibytes(connections.bytes_received)) }
            } }
        }
    }
}

fn phases(record: &Record, connections: &ConnectionsRecord) -> Markup {
    let first_byte = record
        .overall
        .as_ref()
        .and_then(|all| all.first_byte.as_ref());
    let times = [
        ("to connect", connections.connect.as_ref()),
        ("TLS handshake", connections.handshake.as_ref()),
        ("wait for a stream", connections.stream_wait.as_ref()),
        ("from the send to the first byte", first_byte),
    ];
    let measured = times.into_iter().filter(|(_, times)| times.is_some());
    let rows: Vec<_> = measured
        .map(|(phase, times)| (phase.to_owned(), times))
        .collect();
    percentiles(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::example;

    #[test]
    fn connections_are_shown_with_their_phases_and_older_records_do_without() {
        let mut record = example();
        let page = connections(&record).into_string().replace('\u{202f}', " ");
        for shown in [
            "HTTP/2 over TLS",
            "30 of 40",
            "certificates not checked",
            "wait for a stream",
            "<td class=\"n\">7 ms</td>",
        ] {
            assert!(page.contains(shown), "{shown} is missing: {page}");
        }
        record.connections = None;
        assert_eq!(connections(&record).into_string(), "");
    }
}
