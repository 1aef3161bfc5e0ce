(function (lib) { "use strict"; })
