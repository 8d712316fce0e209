<?php
/**
 * Plugin Name: Rejoin
 * Description: Live chat from a Rejoin server that you host.
 * Version: 0.1.0
 * License: MIT OR Apache-2.0
 *
 * Put this file into wp-content/plugins/, fill in the two constants in wp-config.php, and switch it on:
 *
 *     define('REJOIN_URL', 'https://chat.example.com');
 *     define('REJOIN_SITE_TOKEN', 'st_…');
 */

if (!defined('ABSPATH')) {
    exit;
}

add_action('wp_footer', function () {
    if (!defined('REJOIN_URL') || !defined('REJOIN_SITE_TOKEN')) {
        return;
    }
    printf(
        '<script async src="%s" data-site-token="%s"></script>',
        esc_url(untrailingslashit(REJOIN_URL) . '/widget.js'),
        esc_attr(REJOIN_SITE_TOKEN)
    );
});

add_action('admin_notices', function () {
    if (current_user_can('manage_options') && (!defined('REJOIN_URL') || !defined('REJOIN_SITE_TOKEN'))) {
        echo '<div class="notice notice-warning"><p>Rejoin: define REJOIN_URL and REJOIN_SITE_TOKEN in wp-config.php.</p></div>';
    }
});
