//! The list can be filtered and sorted.

use crate::browser::{Tab, WIDE};
use crate::reports;

/// The plans of the rows that are shown, in order.
const PLANS: &str = "[...document.querySelectorAll('#reports tbody tr')]
  .filter((row) => row.checkVisibility()).map((row) => row.dataset.plan ?? '')";

/// The number of rows that are shown, once it is this.
async fn wait_for_rows(tab: &Tab, rows: usize) {
    tab.wait_until(&format!("({PLANS}).length === {rows}"))
        .await;
}

async fn list() -> Tab {
    Tab::open(&reports::everything().index(), WIDE).await
}

async fn choose(tab: &Tab, what: &str, value: &str) {
    tab.act(&format!(
        "{{ const choice = document.querySelector('#{what}');
            choice.value = {value:?};
            choice.dispatchEvent(new Event('change', {{ bubbles: true }})); }}"
    ))
    .await;
}

pub(crate) async fn choosing_a_plan_shows_its_reports_only() {
    let tab = list().await;
    choose(&tab, "plan", "smoke").await;
    wait_for_rows(&tab, 2).await;
    let plans: Vec<String> = tab.ask(PLANS).await;
    assert_eq!(plans, ["smoke", "smoke"]);
    tab.wait_until("document.querySelector('#shown').value === '2 of 23 shown'")
        .await;
    tab.close().await;
}

pub(crate) async fn choices_add_up_and_can_be_taken_back() {
    let tab = list().await;
    choose(&tab, "verdict", "fail").await;
    wait_for_rows(&tab, 3).await;
    choose(&tab, "kind", "gates").await;
    wait_for_rows(&tab, 1).await;
    choose(&tab, "verdict", "unreadable").await;
    wait_for_rows(&tab, 0).await;
    tab.find("#filter button")
        .await
        .click()
        .await
        .expect("a click");
    tab.wait_until("document.querySelector('#shown').value === '23 of 23 shown'")
        .await;
    tab.close().await;
}

pub(crate) async fn a_column_is_sorted_by_its_values_up_and_down() {
    let tab = list().await;
    for key in ["rate", "p99", "requests", "when"] {
        for (direction, sorted) in [("ascending", "a <= b"), ("descending", "a >= b")] {
            let head = format!("#reports th[data-sort={key}]");
            tab.find(&format!("{head} button"))
                .await
                .click()
                .await
                .expect("a click");
            tab.wait_until(&format!(
                "document.querySelector('{head}').ariaSort === '{direction}'"
            ))
            .await;
            let in_order: bool = tab
                .ask(&format!(
                    "{{ const rows = [...document.querySelectorAll('#reports tbody tr')];
                        const known = rows.filter((row) => '{key}' in row.dataset);
                        const values = known.map((row) => Number(row.dataset.{key}));
                        values.length > 10
                          && known.every((row, at) => row === rows[at])
                          && values.slice(1).every((b, at) => {{ const a = values[at]; return {sorted}; }}); }}"
                ))
                .await;
            assert!(in_order, "{key}, {direction}");
        }
        let sorted: usize = tab
            .ask("document.querySelectorAll('#reports th[aria-sort]').length")
            .await;
        assert_eq!(sorted, 1, "one column at a time is the sorted one");
    }
    tab.close().await;
}

pub(crate) async fn a_hundred_runs_are_listed() {
    let tab = Tab::open(&reports::a_hundred().index(), WIDE).await;
    let plans: Vec<String> = tab.ask(PLANS).await;
    assert_eq!(plans.len(), 100);
    choose(&tab, "plan", "spike").await;
    wait_for_rows(&tab, 33).await;
    tab.close().await;
}
