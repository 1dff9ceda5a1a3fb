"""Properties that are computed once, without a lock."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functools import cached_property as cached_property  # for its types
else:

    class cached_property:
        """A property of an object that is computed when it is first read, and then kept.

        `functools.cached_property` of Python 3.11 holds a lock while it computes, one for all objects of a class.
        A thread that computes and needs the lock of Brian2, and another that draws under that lock and reads the
        property of another object, would wait for each other for ever. Here, two threads may compute a value
        twice, and both get the one that was ready first.
        """

        def __init__(self, function):
            self.function, self.__doc__ = function, function.__doc__

        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            kept = vars(instance)
            if self.name not in kept:
                kept.setdefault(self.name, self.function(instance))
            return kept[self.name]
