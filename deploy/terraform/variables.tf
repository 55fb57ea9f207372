variable "project" {
  description = "Google Cloud project. Each environment has one of its own: its policy for images is the project's."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's identifier has 6 to 30 lower-case letters, digits and hyphens and begins with a letter."
  }
}

variable "environment" {
  description = "What this is, as a label on every resource."
  type        = string

  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "The environment is staging or production."
  }
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "europe-west9"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region, not a zone: europe-west9."
  }
}

variable "deletion_protection" {
  description = "Whether cluster and VM refuse to be destroyed. To destroy them, apply with false first."
  type        = bool
  default     = true
}

variable "cluster" {
  description = "Whether there is a GKE Autopilot cluster."
  type        = bool
  default     = true
}

variable "release_channel" {
  description = "Release channel of the cluster. The manifests need Kubernetes 1.31; each channel has it."
  type        = string
  default     = "REGULAR"

  validation {
    condition     = contains(["RAPID", "REGULAR", "STABLE"], var.release_channel)
    error_message = "The channel is RAPID, REGULAR or STABLE."
  }
}

variable "trusted_images" {
  description = "Patterns of images that the cluster runs beside those of the project's registry and of GKE itself, such as Grafana's."
  type        = list(string)
  default     = []
}

variable "metrics_readers" {
  description = "Kubernetes service accounts that may read the project's metrics, as NAMESPACE/NAME: Grafana's, the metrics adapter's."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for account in var.metrics_readers : can(regex("^[a-z0-9-]+/[a-z0-9.-]+$", account))])
    error_message = "Each is NAMESPACE/NAME."
  }
}

variable "vm" {
  description = "Whether there is a virtual machine, to be set up by deploy/ansible."
  type        = bool
  default     = false
}

variable "vm_zone" {
  description = "Zone of the virtual machine in the region, its letter alone."
  type        = string
  default     = "b"

  validation {
    condition     = can(regex("^[a-f]$", var.vm_zone))
    error_message = "The letter of a zone, a to f."
  }
}

variable "vm_machine_type" {
  description = "Machine type. The daemon takes 69.4 MiB with bert (`make promises`), so that processors alone decide."
  type        = string
  default     = "e2-small"
}

variable "vm_public_address" {
  description = "Whether the virtual machine has an address on the internet. ssh never comes that way."
  type        = bool
  default     = false
}

variable "client_ranges" {
  description = "Who may reach port 8000 of the virtual machine, as CIDR ranges. What ends TLS stands in front of it."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.client_ranges : can(cidrhost(range, 0))])
    error_message = "Each is a range such as 10.0.0.0/8."
  }
}

variable "operators" {
  description = "Who may log in to the virtual machine, as user:ADDRESS or group:ADDRESS."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|group):[^@ ]+@[^@ ]+$", member))])
    error_message = "Each is user:ADDRESS or group:ADDRESS."
  }
}

variable "github" {
  description = "The repository whose workflows may push images and deploy: its name, OWNER/NAME, and its number, which no other gets."
  type = object({
    repository    = string
    repository_id = number
  })
  default = null

  validation {
    condition     = var.github == null ? true : can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github.repository))
    error_message = "The repository is OWNER/NAME."
  }
}
