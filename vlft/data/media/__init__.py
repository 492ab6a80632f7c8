"""What a reference to a picture, video or sound in a row is."""
