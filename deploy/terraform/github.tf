# The workflows of one repository speak as the deployer by tokens that GitHub signs for each run; there is no key to keep or lose.
resource "google_iam_workload_identity_pool" "github" {
  count = var.github == null ? 0 : 1

  workload_identity_pool_id = "github"
  display_name              = "GitHub Actions"

  depends_on = [google_project_service.this]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  #checkov:skip=CKV_GCP_125: the rule knows assertion.sub alone; the condition has the repository's name, its number and its refs
  count = var.github == null ? 0 : 1

  workload_identity_pool_id          = google_iam_workload_identity_pool.github[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "actions"
  display_name                       = "GitHub Actions"

  attribute_mapping = {
    "google.subject"          = "assertion.sub"
    "attribute.repository_id" = "assertion.repository_id"
  }

  # This repository under this name, and of it what is on the main branch or released: a pull request gets nothing.
  attribute_condition = join(" && ", [
    "assertion.repository == '${var.github.repository}'",
    "assertion.repository_id == '${var.github.repository_id}'",
    "(assertion.ref == 'refs/heads/main' || assertion.ref.startsWith('refs/tags/v'))",
  ])

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "deployer" {
  count = var.github == null ? 0 : 1

  account_id   = "tamis-deployer"
  display_name = "Workflows that push images and deploy"
}

resource "google_service_account_iam_member" "deployer" {
  count = var.github == null ? 0 : 1

  service_account_id = google_service_account.deployer[0].name
  role               = "roles/iam.workloadIdentityUser"
  member = format(
    "principalSet://iam.googleapis.com/%s/attribute.repository_id/%s",
    google_iam_workload_identity_pool.github[0].name, var.github.repository_id,
  )
}

resource "google_artifact_registry_repository_iam_member" "deployer" {
  count = var.github == null ? 0 : 1

  location   = google_artifact_registry_repository.this.location
  repository = google_artifact_registry_repository.this.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.deployer[0].member
}

# Deployments, Services and Secrets; no roles within the cluster, and nothing about the cluster itself.
resource "google_project_iam_member" "deployer" {
  count = var.github != null && var.cluster ? 1 : 0

  project = var.project
  role    = "roles/container.developer"
  member  = google_service_account.deployer[0].member
}
