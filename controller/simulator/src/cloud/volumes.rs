//! Volumes, as the product asks for them.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html>. How they come and go is in
//! [`super::launch`] and [`super::instances`]; other clients ask by [`super::api`].

use std::time::Duration;

use aws_api::ec2::Volume;
use aws_api::id::VolumeId;
use aws_api::{Filter, Page, Reply};

use super::filters;
use super::world::{Outcome, World};

impl World {
    /// Those that are attached to an instance.
    pub(crate) fn describe_volumes(&self, filters: &[Filter], page: &Page, at: Duration) -> Outcome<Reply> {
        // What belongs to instances is carried along to `at`: their volumes go with them.
        let mut then = self.clone();
        then.settle(at);
        let mut found = Vec::new();
        for (id, volume) in &then.volumes {
            let Some(instance) = &volume.attached_to else { continue };
            let values = |name: &str| (name == "attachment.instance-id").then(|| vec![instance.to_string()]);
            if filters::select(filters, &volume.tags, values)? {
                let of = Volume {
                    id: VolumeId::parse(id.as_str()).expect("begins with its prefix"),
                    instance: instance.clone(),
                    tags: volume.tags.clone(),
                };
                found.push((id.clone(), of));
            }
        }
        let (volumes, next) = filters::page(found, page, self.config.page_size, "InvalidParameterValue")?;
        Ok(Reply::Volumes(volumes, next))
    }
}
