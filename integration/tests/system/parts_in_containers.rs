//! The promises of every part, word for word, with each in a container.

use std::env;
use std::process::Command;

use integration::real::Part;

use crate::part_stories::{
    Piece, is_paused_and_killed_whole_and_comes_back, outlasts_systems_and_gives_each_a_room,
    works_and_stops_in_good_order,
};
use crate::support::RunFolder;

pub(crate) async fn nginx_works_and_stops_in_good_order() {
    works_and_stops_in_good_order(Piece::container(Part::Nginx)).await;
}

pub(crate) async fn haproxy_is_paused_and_killed_whole_and_comes_back() {
    is_paused_and_killed_whole_and_comes_back(Piece::container(Part::Haproxy)).await;
}

pub(crate) async fn redis_is_paused_and_killed_whole_and_comes_back() {
    is_paused_and_killed_whole_and_comes_back(Piece::container(Part::Redis)).await;
}

pub(crate) async fn postgres_is_paused_and_killed_whole_and_comes_back() {
    is_paused_and_killed_whole_and_comes_back(Piece::container(Part::Postgres)).await;
}

pub(crate) async fn rabbitmq_is_paused_and_killed_whole_and_comes_back() {
    is_paused_and_killed_whole_and_comes_back(Piece::container(Part::RabbitMq)).await;
}

pub(crate) async fn rabbitmq_outlasts_systems_and_gives_each_a_room() {
    let (rabbitmq, folder) = (Piece::container(Part::RabbitMq), RunFolder::new());
    let lasting = rabbitmq.lasting(&folder).await;
    outlasts_systems_and_gives_each_a_room(rabbitmq, &lasting).await;
}

/// The reason why there is not an image of each part here, or `None` when there is.
pub(crate) fn no_images() -> Option<String> {
    let missing = Part::ALL.into_iter().find_map(|part| {
        let variable = format!("SKEIN_{}_IMAGE", part.name().to_uppercase());
        let Ok(image) = env::var(&variable) else {
            return Some(format!("{variable} names no image"));
        };
        let mut look = Command::new("docker");
        let looked = look.args(["image", "inspect", "--format", "{{.Id}}", &image]);
        let is_here = looked.output().is_ok_and(|output| output.status.success());
        (!is_here).then(|| format!("the image {image} in {variable} is not here"))
    })?;
    Some(format!("{missing} (scripts/build-parts-image makes one)"))
}
