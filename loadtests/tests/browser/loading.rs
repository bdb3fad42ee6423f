//! Pages work from a file, by themselves.

use crate::browser::{Look, Tab, WIDE};
use crate::reports;

pub(crate) async fn every_page_loads_from_a_file_without_a_request_or_a_complaint() {
    for page in reports::everything().pages() {
        let mut tab = Tab::open(&page, WIDE).await;
        let heading: String = tab.ask("document.querySelector('h1').innerText").await;
        assert!(!heading.is_empty(), "{}", page.display());
        assert_eq!(
            tab.complaints().await,
            Vec::<String>::new(),
            "{}",
            page.display()
        );
        tab.close().await;
    }
}

/// As a zip file that somebody unpacked elsewhere would be.
pub(crate) async fn the_reports_work_wherever_they_are_moved() {
    let moved = reports::everything().moved_to("moved reports");
    let tab = Tab::open(&moved.index(), WIDE).await;
    let links: Vec<String> = tab
        .ask("[...document.links].map((link) => link.getAttribute('href'))")
        .await;
    assert!(links.len() > 15, "{links:?}");
    for link in &links {
        let is_outside = link.contains(':') || link.starts_with('/') || link.starts_with("..");
        assert!(!is_outside, "{link} leads out of the folder");
    }
    for kind in ["runs", "gates", "comparisons"] {
        let link = format!("a[href^='{kind}/']");
        tab.act(&format!("document.querySelector({link:?}).click()"))
            .await;
        tab.wait_until("document.title !== 'Load tests' && document.readyState === 'complete'")
            .await;
        tab.act("document.querySelector('a[href=\"../../index.html\"]').click()")
            .await;
        tab.wait_until("document.title === 'Load tests' && document.readyState === 'complete'")
            .await;
    }
    tab.close().await;
}

/// What reaches beyond the window and doesn't scroll by itself.
const BEYOND: &str = "[...document.querySelectorAll('body *')]
  .filter((box) => box.getBoundingClientRect().right > innerWidth + 1)
  .filter((box) => !box.parentElement.closest('.scroll, pre'))
  .slice(0, 5).map((box) => box.outerHTML.slice(0, 120))";

pub(crate) async fn no_page_is_wider_than_a_phone() {
    let phone = Look { width: 390, ..WIDE };
    for (name, page) in reports::everything().samples() {
        let tab = Tab::open(&page, phone).await;
        let width: u32 = tab.ask("document.documentElement.scrollWidth").await;
        let beyond: Vec<String> = tab.ask(BEYOND).await;
        assert!(
            width <= phone.width,
            "{name} is {width} pixels wide: {beyond:#?}"
        );
        tab.close().await;
    }
}

pub(crate) async fn without_scripts_every_row_is_there() {
    let page = reports::everything().index();
    let tab = Tab::open(
        &page,
        Look {
            scripts: false,
            ..WIDE
        },
    )
    .await;
    // The story may still ask, although the page's own script never ran.
    let rows: usize = tab.ask("[...document.querySelectorAll('#reports tbody tr')].filter((row) => row.checkVisibility()).length").await;
    assert_eq!(rows, 12 + 3 + 4 + 2 + 2);
    let filter: bool = tab
        .ask("document.querySelector('#filter').checkVisibility()")
        .await;
    assert!(!filter, "a filter that does nothing is shown");
    tab.close().await;
}
