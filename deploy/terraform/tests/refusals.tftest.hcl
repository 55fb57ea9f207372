# What the variables do not take.
mock_provider "google" {}

variables {
  project     = "my-tamis-staging"
  environment = "staging"
}

run "no_project" {
  command = plan

  variables {
    project = "My project"
  }

  expect_failures = [var.project]
}

run "a_third_environment" {
  command = plan

  variables {
    environment = "development"
  }

  expect_failures = [var.environment]
}

run "a_zone_for_a_region" {
  command = plan

  variables {
    region = "europe-west9-b"
  }

  expect_failures = [var.region]
}

run "a_channel_that_is_not_there" {
  command = plan

  variables {
    release_channel = "EXTENDED"
  }

  expect_failures = [var.release_channel]
}

run "a_range_without_a_length" {
  command = plan

  variables {
    client_ranges = ["10.0.0.1"]
  }

  expect_failures = [var.client_ranges]
}

run "everybody_as_an_operator" {
  command = plan

  variables {
    operators = ["allAuthenticatedUsers"]
  }

  expect_failures = [var.operators]
}

run "a_zone_by_its_whole_name" {
  command = plan

  variables {
    vm_zone = "europe-west9-b"
  }

  expect_failures = [var.vm_zone]
}

run "a_reader_without_a_namespace" {
  command = plan

  variables {
    metrics_readers = ["grafana"]
  }

  expect_failures = [var.metrics_readers]
}

run "a_repository_by_its_address" {
  command = plan

  variables {
    github = { repository = "https://example.org/someone/tamis", repository_id = 42 }
  }

  expect_failures = [var.github]
}
