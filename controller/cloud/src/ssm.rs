//! Systems Manager: the public parameters that name stock images.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>. Nothing can be put; any other
//! parameter is not found, any other operation refused by name.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use simulator::cloud::catalogue::{STOCK_SINCE, image_parameter};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetParameter {
    name: String,
    /// Of a secure text; there is none.
    #[serde(rename = "WithDecryption")]
    _with_decryption: Option<bool>,
}

/// Answers the operation that `X-Amz-Target` names.
pub fn answer(target: &str, region: &str, body: &[u8]) -> (StatusCode, Value) {
    match target.strip_prefix("AmazonSSM.") {
        Some("GetParameter") => get_parameter(region, body).unwrap_or_else(|(code, message)| refused(code, &message)),
        Some(_) | None => refused("InvalidAction", &format!("the operation {target} is not modelled")),
    }
}

fn get_parameter(region: &str, body: &[u8]) -> Result<(StatusCode, Value), (&'static str, String)> {
    let asked: GetParameter =
        serde_json::from_slice(body).map_err(|error| ("ValidationException", error.to_string()))?;
    let Some(image) = image_parameter(&asked.name) else {
        return Err(("ParameterNotFound", format!("Parameter {} not found.", asked.name)));
    };
    let parameter = json!({
        "Name": asked.name,
        "Type": "String",
        "Value": image,
        "Version": 1,
        "LastModifiedDate": STOCK_SINCE,
        "ARN": format!("arn:aws:ssm:{region}::parameter{}", asked.name),
        "DataType": "aws:ec2:image",
    });
    Ok((StatusCode::OK, json!({ "Parameter": parameter })))
}

fn refused(code: &str, message: &str) -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, json!({ "__type": code, "message": message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_parameter_names_an_image_and_no_other_is_there() {
        let get =
            |name: &str| answer("AmazonSSM.GetParameter", "us-east-2", json!({ "Name": name }).to_string().as_bytes());
        let (status, answered) = get("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64");
        assert_eq!(status, StatusCode::OK);
        assert!(answered["Parameter"]["Value"].as_str().is_some_and(|id| id.starts_with("ami-")), "{answered}");
        let (status, answered) = get("/mine");
        assert_eq!((status, &answered["__type"]), (StatusCode::BAD_REQUEST, &json!("ParameterNotFound")));
    }

    #[test]
    fn what_is_not_modelled_is_refused_by_name() {
        let (_, answered) = answer("AmazonSSM.PutParameter", "us-east-2", b"{}");
        assert!(answered["message"].as_str().is_some_and(|text| text.contains("PutParameter")), "{answered}");
        let (_, answered) = answer("AmazonSSM.GetParameter", "us-east-2", br#"{"Name": "a", "Nmae": "b"}"#);
        assert!(answered["message"].as_str().is_some_and(|text| text.contains("Nmae")), "{answered}");
    }
}
