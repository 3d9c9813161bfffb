"""NearID: identifies nearly identical things in photos."""
