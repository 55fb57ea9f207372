# Tags may move here: deployments name digests, and signatures and attestations hang on tags that grow.
resource "google_artifact_registry_repository" "this" {
  #checkov:skip=CKV_GCP_84: Google's keys encrypt it; what is inside is published with each release
  repository_id = "tamis"
  description   = "Images of tamis"
  format        = "DOCKER"
  location      = var.region

  # A release is two names, each of two architectures, with signatures and attestations: ten versions. Ten releases are kept
  # whatever their age, and a year of them whatever their number.
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"

    most_recent_versions {
      keep_count = 100
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"

    condition {
      tag_state  = "ANY"
      older_than = "31536000s"
    }
  }

  depends_on = [google_project_service.this]
}
