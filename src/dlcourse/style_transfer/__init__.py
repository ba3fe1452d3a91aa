"""Neural style transfer (Gatys, Ecker, Bethge 2016): content and style by VGG features, descent on the pixels."""
