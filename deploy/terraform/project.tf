locals {
  services = concat(
    ["artifactregistry", "compute", "iam", "iamcredentials", "logging", "monitoring", "sts"],
    var.cluster ? ["binaryauthorization", "container"] : [],
    var.vm ? ["iap", "oslogin"] : [],
  )
}

data "google_project" "this" {
  project_id = var.project
}

resource "google_project_service" "this" {
  for_each = toset(local.services)

  service = "${each.key}.googleapis.com"
  # Something else in the project may need it.
  disable_on_destroy = false
}
