//! The environment of the demonstration: the one that stands in the documentation, with the ids of this cloud.

use cloud::client::Client;
use ports::Item;
use serde_json::Value;

use super::DemoError;

/// As it is documented.
const EXAMPLE: &str = include_str!("../../../crds-schema/examples/chatmrpt-staging.yaml");

/// The example, read.
pub(super) struct Example {
    pub(super) name: String,
    /// Its load balancer's name.
    pub(super) load_balancer: String,
    document: Value,
}

impl Example {
    /// The example in the default VPC of that cloud, from its first image: ids are an account's own.
    pub(super) async fn on(cloud: &Client) -> Result<Self, DemoError> {
        let unusable = |why: &str| DemoError::Example(why.to_owned());
        let documents = crds_schema::read_documents(EXAMPLE).map_err(|error| unusable(&error.to_string()))?;
        let mut document = documents.into_iter().next().ok_or_else(|| unusable("it is empty"))?.value;
        let image = cloud.state().await?["images"][0].clone();
        let spec = document["spec"].as_object_mut().ok_or_else(|| unusable("it has no spec"))?;
        spec.remove("network");
        spec.insert("image".to_owned(), serde_json::json!({ "amiId": image }));
        // The application that instances of this cloud run, with its sessions in the Redis that all share.
        spec["instances"]["userData"] = "UNDERSTUDY_APP_SESSIONS=redis\n".into();
        let load_balancer = spec["loadBalancer"]["name"].as_str().unwrap_or_default().to_owned();
        let parsed = crds_schema::parse(&document)
            .map_err(|faults| unusable(&faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
        Ok(Self { name: parsed.metadata.name, load_balancer, document })
    }

    /// As the table holds it.
    pub(super) fn item(&self) -> Item {
        let fields = self.document.as_object().cloned().unwrap_or_default();
        let keys = [("pk", self.name.as_str()), ("sk", "SPEC")].map(|(key, value)| (key.to_owned(), value.into()));
        fields.into_iter().chain(keys).collect()
    }
}
