//! Pictures of every sort of page, for people to look at.

use std::fs;

use crate::browser::{Look, Tab, WIDE, screenshots};
use crate::reports;

pub(crate) async fn every_page_is_photographed_wide_narrow_and_dark() {
    let folder = screenshots();
    fs::create_dir_all(&folder).expect("made");
    let looks = [
        ("light", WIDE),
        ("dark", Look { dark: true, ..WIDE }),
        ("tablet", Look { width: 800, ..WIDE }),
        ("phone", Look { width: 390, ..WIDE }),
        (
            "phone-dark",
            Look {
                width: 390,
                dark: true,
                ..WIDE
            },
        ),
    ];
    for (name, page) in reports::everything().samples() {
        let tab = Tab::open(&page, WIDE).await;
        for (kind, look) in looks {
            tab.look(look).await;
            let picture = folder.join(format!("{name}-{kind}.png"));
            tab.photograph(&picture).await;
            assert!(fs::metadata(&picture).expect("it is there").len() > 5_000);
        }
        tab.close().await;
    }
}
