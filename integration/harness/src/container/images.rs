//! Images by what they are now, and not by their names, which the next build gives to another.

use super::docker;
use crate::error::ImageError;
use crate::topology::Topology;

impl Topology {
    /// The same with the image of each container that is built by the number that it has now:
    /// another build by the same name, such as that of another revision, doesn't take its place.
    ///
    /// # Errors
    ///
    /// When an image isn't there.
    pub fn with_images_as_built(self) -> Result<Self, ImageError> {
        self.with_built_images(|node, image| {
            let seen = docker(&["image", "inspect", "--format", "{{.Id}}", image]);
            let number = seen.map_err(|source| ImageError {
                node: node.clone(),
                image: image.to_owned(),
                source,
            })?;
            Ok(number.trim().to_owned())
        })
    }
}
