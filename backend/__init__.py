"""The domain of Niangjia and its phone API."""
