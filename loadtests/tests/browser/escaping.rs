//! What comes from outside is text.

use crate::browser::{Tab, WIDE};
use crate::records::EVIL;
use crate::reports;

pub(crate) async fn what_comes_from_outside_is_text_and_never_runs() {
    let pages = reports::poisoned().pages();
    assert_eq!(pages.len(), 1 + 2 + 1 + 1, "{pages:?}");
    for page in pages {
        let mut tab = Tab::open(&page, WIDE).await;
        let ran: bool = tab.ask("'ran' in window").await;
        assert!(!ran, "{}: a script ran", page.display());
        let images: usize = tab.ask("document.images.length").await;
        assert_eq!(images, 0, "{}: an element got in", page.display());
        let shown: bool = tab
            .ask(&format!("document.body.textContent.includes({EVIL:?})"))
            .await;
        assert!(shown, "{}: the text isn't there", page.display());
        assert_eq!(
            tab.complaints().await,
            Vec::<String>::new(),
            "{}",
            page.display()
        );
        tab.close().await;
    }
    links_lead_where_they_should().await;
}

/// The folders' names have everything in them that a file's name can have.
async fn links_lead_where_they_should() {
    let tab = Tab::open(&reports::poisoned().index(), WIDE).await;
    tab.act("document.querySelector(\"a[href^='runs/']\").click()")
        .await;
    tab.wait_until("location.href.includes('/runs/') && document.readyState === 'complete'")
        .await;
    let heading: String = tab.ask("document.querySelector('h1').innerText").await;
    assert!(heading.contains("<script>"), "{heading}");
    tab.close().await;
}
