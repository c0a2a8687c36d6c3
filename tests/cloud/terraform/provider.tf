# Terraform as it would ask AWS, but for where AWS is and that nobody checks who asks.
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

variable "endpoint" {
  description = "Where `understudy cloud` listens."
  type        = string
}

variable "max_retries" {
  description = "How often a call is sent at most. Once: what is refused is to be seen, not tried again for minutes."
  type        = number
  default     = 1
}

provider "aws" {
  region                      = "us-east-2"
  access_key                  = "any"
  secret_key                  = "any"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  max_retries                 = var.max_retries

  default_tags {
    tags = { team = "chatmrpt" }
  }
  endpoints {
    ec2   = var.endpoint
    elbv2 = var.endpoint
    ssm   = var.endpoint
    sts   = var.endpoint
  }
}
