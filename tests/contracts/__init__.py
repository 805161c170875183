"""Case trees of the contracts: `test_function__when_state__outcome`."""
