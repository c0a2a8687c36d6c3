# Sourced by those who drive Terraform on the cloud at $url: makes a folder with the configuration beside this file, and goes there.
# The provider comes from the mirror that TF_PLUGINS names. Where there is no Terraform, it says so loudly and exits with 77.
plugins=${TF_PLUGINS:-/opt/tf-plugins}

skip() {
    printf '\n**** SKIPPED: Terraform did not judge the cloud: %s ****\n\n' "$1"
    exit 77
}
command -v terraform >/dev/null || skip "no terraform on the PATH"
[ -d "$plugins/registry.terraform.io/hashicorp/aws/5.100.0" ] ||
    skip "no provider hashicorp/aws 5.100.0 in $plugins; TF_PLUGINS names a mirror"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$here"/*.tf "$folder"
cat >"$folder/terraformrc" <<RC
provider_installation {
  filesystem_mirror {
    path = "$plugins"
  }
}
RC
cd "$folder"
# Nothing of whoever runs this, and no word to anybody outside.
export TF_CLI_CONFIG_FILE=$folder/terraformrc CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_INPUT=0 TF_VAR_endpoint=$url
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
unset AWS_ENDPOINT_URL AWS_PROFILE TF_LOG
