//! Where the cost went: CPU time by service, time by hop, and what failed.

use maud::{Markup, html};

use crate::gate::record::{FailedRequests, HopTime, ServiceCpu};
use crate::report::costs::{Cost, costs};
use crate::report::figures::count;
use crate::report::layout::scroll;

/// CPU time of each service.
pub(super) fn services(services: &[ServiceCpu]) -> Markup {
    let parts: Vec<_> = services
        .iter()
        .map(|service| Cost {
            name: &service.service,
            baseline: service.baseline_nanos.map(|nanos| nanos / 1e3),
            candidate: service.candidate_nanos.map(|nanos| nanos / 1e3),
        })
        .collect();
    costs(
        "CPU time per request, by service",
        "Service",
        &parts,
        "User and system time over whole rounds, all nodes of a service together; shown to find a cause, and not judged.",
    )
}

/// A hop's own share of a request's time.
pub(super) fn hops(hops: &[HopTime]) -> Markup {
    let parts: Vec<_> = hops
        .iter()
        .map(|hop| Cost {
            name: hop.hop.name(),
            baseline: hop.baseline_micros,
            candidate: hop.candidate_micros,
        })
        .collect();
    costs(
        "Time of a request, by hop",
        "Hop",
        &parts,
        "Each hop’s own share on average over sampled requests, from the user inwards, as Server-Timing tells; not judged.",
    )
}

/// Requests that failed on either side.
pub(super) fn failures(failures: &[FailedRequests]) -> Markup {
    html! {
        @if !failures.is_empty() {
            section {
                h2 { "Failed requests" }
                (scroll("Failed requests", &html! { table {
                    thead { tr {
                        th scope="col" { "Side" }
                        th scope="col" { "Route" }
                        th scope="col" { "Reason" }
                        th scope="col" .n { "Count" }
                    } }
                    tbody { @for failed in failures { tr {
                        th scope="row" { (failed.side.word()) }
                        td { code { (failed.route) } }
                        td.text { (failed.reason) }
                        td.n { (count(failed.count)) }
                    } } }
                } }))
            }
        }
    }
}
