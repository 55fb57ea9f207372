terraform {
  required_version = ">= 1.9"

  required_providers {
    # 7.1 is the first that says where a repository's images are (registry_uri).
    google = {
      source  = "hashicorp/google"
      version = "~> 7.1"
    }
  }

  # Bucket and prefix come from a file for each environment: terraform init -backend-config=staging.gcs.tfbackend
  backend "gcs" {}
}

provider "google" {
  project = var.project
  region  = var.region

  default_labels = {
    application = "tamis"
    environment = var.environment
  }
}
