//! Everything can be done without a mouse.

use crate::browser::{Tab, WIDE};
use crate::reports;

/// More presses of the tab key than there are things to reach before the table's rows.
const MOST_PRESSES: usize = 60;

async fn tab_to(tab: &Tab, selector: &str) {
    let is_there = format!("document.activeElement.matches({selector:?})");
    for _ in 0..MOST_PRESSES {
        tab.act("window.before = document.activeElement").await;
        tab.press("Tab").await;
        // A key that is pressed takes a while to have done something; the next one
        // would lead beyond what is looked for.
        tab.wait_until("document.activeElement !== window.before")
            .await;
        if tab.ask::<bool>(&is_there).await {
            return;
        }
    }
    panic!("the tab key never comes to {selector}");
}

pub(crate) async fn a_verdict_is_chosen_and_a_column_sorted_without_a_mouse() {
    let tab = Tab::open(&reports::everything().index(), WIDE).await;
    tab_to(&tab, "select#verdict").await;
    tab.press("f").await;
    tab.wait_until("document.querySelector('#shown').value === '3 of 23 shown'")
        .await;
    tab_to(&tab, "th[data-sort=p99] button").await;
    // Where the focus is can be seen, as soon as the page is drawn again.
    tab.wait_until("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
        .await;
    tab.press("Enter").await;
    tab.wait_until("document.querySelector('th[data-sort=p99]').ariaSort === 'ascending'")
        .await;
    tab_to(&tab, "#reports tbody a").await;
    tab.close().await;
}

pub(crate) async fn whatever_scrolls_can_be_reached() {
    const UNREACHABLE: &str = "[...document.querySelectorAll('body *')]
      .filter((box) => /auto|scroll/.test(getComputedStyle(box).overflowX))
      .filter((box) => box.checkVisibility() && box.scrollWidth > box.clientWidth + 1)
      .filter((box) => box.tabIndex < 0 && !box.querySelector('a[href], button, select, [tabindex]'))
      .map((box) => box.outerHTML.slice(0, 120))";
    let phone = crate::browser::Look { width: 390, ..WIDE };
    for (name, page) in reports::everything().samples() {
        let tab = Tab::open(&page, phone).await;
        let unreachable: Vec<String> = tab.ask(UNREACHABLE).await;
        assert!(unreachable.is_empty(), "{name}: {unreachable:?}");
        tab.close().await;
    }
}
