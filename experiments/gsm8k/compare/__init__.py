"""`gsm8k compare`: to divide or not on a pretrained model, with sampled groups and Adam, as trainers have them."""
